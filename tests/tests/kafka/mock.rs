//! The same channel on the client's own stand-in for a cluster: on a machine without Apache Kafka,
//! this is what is left of it.

use std::{sync::mpsc, thread};

use async_trait::async_trait;
use messaging::{Position, Result, StoredPositions};
use rdkafka::mocking::MockCluster;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn it_is_a_channel_on_a_mock_cluster() {
    // One for each rule: it forgets a reader that left as late as one that was killed.
    check(|| site_on(&Arc::new(Mock::start()), 3)).await;
}

/// A stand-in that lives in a thread of its own, which alone may speak to it.
#[derive(Debug)]
struct Mock {
    address: String,
    orders: mpsc::Sender<(String, i32)>,
    done: std::sync::Mutex<mpsc::Receiver<()>>,
}

impl Mock {
    fn start() -> Self {
        let (orders, ordered) = mpsc::channel::<(String, i32)>();
        let (address_in, address) = mpsc::channel();
        let (done_in, done) = mpsc::channel();
        thread::spawn(move || {
            let cluster = MockCluster::new(1).expect("a cluster in this process");
            address_in.send(cluster.bootstrap_servers()).expect("somebody waits");
            for (topic, partitions) in ordered {
                // One that is there already is as good.
                cluster.create_topic(&topic, partitions, 1).ok();
                done_in.send(()).expect("somebody waits");
            }
        });
        let address = address.recv().expect("a cluster that starts");
        Self { address, orders, done: std::sync::Mutex::new(done) }
    }

    fn make(&self, topic: String, partitions: i32) {
        let done = self.done.lock().expect("nobody panicked");
        self.orders.send((topic, partitions)).expect("it lives");
        done.recv().expect("it lives");
    }
}

/// The stand-in cannot be asked to make topics by the protocol; so they are there in time.
#[derive(Debug)]
struct Premade {
    channel: Arc<KafkaChannel>,
    cluster: Arc<Mock>,
    settings: Settings,
}

impl Premade {
    fn make<'n>(&self, channels: impl Iterator<Item = &'n ChannelName>) {
        let partitions = i32::try_from(self.settings.partitions).expect("a few");
        for channel in channels {
            self.cluster.make(format!("{}{channel}", self.settings.topic_prefix), partitions);
        }
    }
}

#[async_trait]
impl Channel for Premade {
    async fn append(&self, records: Vec<Record>) -> Result<Vec<Position>> {
        self.make(records.iter().map(|record| &record.channel));
        self.channel.append(records).await
    }

    async fn subscribe(
        &self,
        group: &GroupId,
        channels: &[ChannelName],
        positions: Box<dyn StoredPositions>,
    ) -> Result<Box<dyn Subscription>> {
        self.make(channels.iter());
        self.channel.subscribe(group, channels, positions).await
    }

    async fn trim(&self, channel: &ChannelName, before: Timestamp) -> Result<u64> {
        self.channel.trim(channel, before).await
    }

    async fn ends(&self, channel: &ChannelName) -> Result<Vec<Position>> {
        self.channel.ends(channel).await
    }
}

fn site_on(cluster: &Arc<Mock>, partitions: u32) -> Site {
    let now = Arc::new(AtomicI64::new(now()));
    let settings = Settings { looks_at_topics: false, ..settings(&cluster.address, partitions) };
    let (clock, cluster) = (Site::clock(&now), Arc::clone(cluster));
    let open = move || -> std::pin::Pin<Box<dyn Future<Output = Arc<dyn Channel>> + Send>> {
        let (settings, clock, cluster) = (settings.clone(), clock.clone(), Arc::clone(&cluster));
        Box::pin(async move {
            let channel = KafkaChannel::open(settings.clone(), clock).expect("open");
            Arc::new(Premade { channel, cluster, settings }) as Arc<dyn Channel>
        })
    };
    Site { open: Box::new(open), now, trims: false, reads_at_once: false }
}
