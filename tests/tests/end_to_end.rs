//! The main job with the real program, all roles in one process, embedded.

use tests::scenarios::{self, Setting};

const SETTING: Setting = Setting::Together;

#[tokio::test]
async fn an_application_reaches_a_directory_and_an_http_inbox() {
    scenarios::an_application_reaches_a_directory_and_an_http_inbox(&SETTING).await;
}

#[tokio::test]
async fn the_same_message_again_gets_the_same_receipt_and_is_delivered_once() {
    scenarios::the_same_message_again_gets_the_same_receipt_and_is_delivered_once(&SETTING).await;
}

#[tokio::test]
async fn the_same_id_with_other_bytes_is_never_delivered() {
    scenarios::the_same_id_with_other_bytes_is_never_delivered(&SETTING).await;
}

#[tokio::test]
async fn attachments_arrive_beside_their_document() {
    scenarios::attachments_arrive_beside_their_document(&SETTING).await;
}

#[tokio::test]
async fn json_travels_like_xml() {
    scenarios::json_travels_like_xml(&SETTING).await;
}

#[tokio::test]
async fn a_systems_answer_reaches_the_portal() {
    scenarios::a_systems_answer_reaches_the_portal(&SETTING).await;
}

#[tokio::test]
async fn what_nobody_is_responsible_for_is_told_at_once() {
    scenarios::what_nobody_is_responsible_for_is_told_at_once(&SETTING).await;
}

#[tokio::test]
async fn a_case_keeps_its_order_through_a_stream() {
    scenarios::a_case_keeps_its_order_through_a_stream(&SETTING).await;
}

#[tokio::test]
async fn an_absent_system_costs_no_attempt_and_gets_everything_later() {
    scenarios::an_absent_system_costs_no_attempt_and_gets_everything_later(&SETTING).await;
}

#[tokio::test]
async fn a_departmental_systems_no_reaches_the_portal() {
    scenarios::a_departmental_systems_no_reaches_the_portal(&SETTING).await;
}

#[tokio::test]
async fn a_watcher_resumes_where_it_was_cut_off() {
    scenarios::a_watcher_resumes_where_it_was_cut_off(&SETTING).await;
}

#[tokio::test]
async fn published_messages_of_another_standard_travel_with_their_dirt() {
    scenarios::published_messages_of_another_standard_travel_with_their_dirt(&SETTING).await;
}
