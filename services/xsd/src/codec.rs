//! How tables are written to bytes and read back. Reading trusts nothing: it never panics, and never
//! allocates more than there are bytes.

/// Something that can be written and read back.
pub(crate) trait Coded: Sized {
    /// Appends itself.
    fn put(&self, to: &mut Vec<u8>);

    /// Reads itself; `None` where the bytes are not what `put` writes.
    fn take(from: &mut Bytes<'_>) -> Option<Self>;
}

/// Bytes still to be read.
#[derive(Debug)]
pub(crate) struct Bytes<'b>(pub(crate) &'b [u8]);

impl<'b> Bytes<'b> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {$(
        impl Coded for $number {
            fn put(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }

            fn take(from: &mut Bytes<'_>) -> Option<Self> {
                let bytes = from.take(size_of::<$number>())?;
                Some(<$number>::from_le_bytes(bytes.try_into().ok()?))
            }
        }
    )+};
}

numbers!(u8, u16, u32, u64);

impl Coded for bool {
    fn put(&self, to: &mut Vec<u8>) {
        u8::from(*self).put(to);
    }

    fn take(from: &mut Bytes<'_>) -> Option<Self> {
        match u8::take(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn put(&self, to: &mut Vec<u8>) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).put(to);
        self.iter().for_each(|item| item.put(to));
    }

    fn take(from: &mut Bytes<'_>) -> Option<Self> {
        let count = u32::take(from)? as usize;
        // Each item is of one byte at least.
        if count > from.0.len() {
            return None;
        }
        let mut items = Self::new();
        for _ in 0..count {
            items.push(T::take(from)?);
        }
        Some(items)
    }
}

impl<T: Coded, const N: usize> Coded for Box<[T; N]> {
    fn put(&self, to: &mut Vec<u8>) {
        self.iter().for_each(|item| item.put(to));
    }

    fn take(from: &mut Bytes<'_>) -> Option<Self> {
        let items: Option<Vec<T>> = (0..N).map(|_| T::take(from)).collect();
        items?.try_into().ok()
    }
}

impl<T: Coded> Coded for Option<T> {
    fn put(&self, to: &mut Vec<u8>) {
        self.is_some().put(to);
        self.iter().for_each(|item| item.put(to));
    }

    fn take(from: &mut Bytes<'_>) -> Option<Self> {
        if bool::take(from)? { Some(Some(T::take(from)?)) } else { Some(None) }
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    fn put(&self, to: &mut Vec<u8>) {
        self.0.put(to);
        self.1.put(to);
    }

    fn take(from: &mut Bytes<'_>) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

impl Coded for String {
    fn put(&self, to: &mut Vec<u8>) {
        self.as_bytes().to_vec().put(to);
    }

    fn take(from: &mut Bytes<'_>) -> Option<Self> {
        Self::from_utf8(Vec::take(from)?).ok()
    }
}

/// `coded!(Struct { field, field })`: the fields one after the other. `coded!(Enum = A, B)`: the number
/// of the variant.
macro_rules! coded {
    ($name:ident { $($field:ident),+ $(,)? }) => {
        impl crate::codec::Coded for $name {
            fn put(&self, to: &mut Vec<u8>) {
                $(self.$field.put(to);)+
            }

            fn take(from: &mut crate::codec::Bytes<'_>) -> Option<Self> {
                Some(Self { $($field: crate::codec::Coded::take(from)?),+ })
            }
        }
    };
    ($name:ident = $($variant:ident),+ $(,)?) => {
        impl crate::codec::Coded for $name {
            fn put(&self, to: &mut Vec<u8>) {
                // A variant left out of the list does not compile, instead of being read as another.
                match self {
                    $(Self::$variant)|+ => {}
                }
                let all = [$(Self::$variant),+];
                let number = all.iter().position(|variant| variant == self);
                u8::try_from(number.unwrap_or_default()).unwrap_or_default().put(to);
            }

            fn take(from: &mut crate::codec::Bytes<'_>) -> Option<Self> {
                let number = usize::from(<u8 as crate::codec::Coded>::take(from)?);
                [$(Self::$variant),+].get(number).copied()
            }
        }
    };
}

pub(crate) use coded;
