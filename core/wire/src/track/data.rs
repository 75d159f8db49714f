//! The text of one track, checked, and hidden as any account data is.
//!
//! **Invariant:** a [`TrackData`] has its sentinels, at least one and at most so many characters between them as fit, and each of them is
//! one of its track.
use super::{Fields, Track, TrackError, Ungrammatical};
use alloc::string::String;
use core::fmt;
use symbolon_types::Secret;

/// The text of a track with its sentinels and without its LRC. Shown masked: the number of characters, and of an account number of 13 digits
/// or more the first six and the last four.
#[derive(Clone)]
pub struct TrackData {
    track: Track,
    text: Secret<String>,
}

impl TrackData {
    /// Takes a text with its sentinels.
    ///
    /// # Errors
    /// [`TrackError::NoStart`], [`TrackError::NoEnd`], [`TrackError::Empty`], [`TrackError::TooLong`], [`TrackError::Character`], in this order.
    pub fn parse(track: Track, text: &str) -> Result<Self, TrackError> {
        // What cannot fit is not copied.
        if text.len() > track.characters_max() {
            return Err(TrackError::TooLong);
        }
        Self::new(track, Secret::new(text.into()))
    }

    /// Takes the text of an ISO 8583 data element 45, 35 or 36 (tracks 1, 2, 3): no sentinels, and on tracks 2 and 3 `D` as well as `=` for
    /// the separator.
    ///
    /// # Errors
    /// As [`Self::parse`]; a character is counted as in the text with its sentinels, so the first is 1.
    pub fn from_element(track: Track, element: &str) -> Result<Self, TrackError> {
        if element.len() > track.characters_max() {
            return Err(TrackError::TooLong);
        }
        let mut text = String::with_capacity(element.len().saturating_add(2));
        text.push(track.start());
        text.extend(element.chars().map(|character| match (track, character) {
            (Track::Two | Track::Three, 'D') => '=',
            _ => character,
        }));
        text.push(track.end());
        Self::new(track, Secret::new(text))
    }

    pub(super) fn new(track: Track, text: Secret<String>) -> Result<Self, TrackError> {
        let data = Self { track, text };
        let given = data.text.reveal();
        let inner = given.strip_prefix(track.start()).ok_or(TrackError::NoStart)?;
        let inner = inner.strip_suffix(track.end()).ok_or(TrackError::NoEnd)?;
        // The LRC is a character as well.
        if given.len() >= track.characters_max() {
            return Err(TrackError::TooLong);
        }
        if inner.is_empty() {
            return Err(TrackError::Empty);
        }
        let fits = |character| {
            track.value(character).is_some() && character != track.start() && character != track.end()
        };
        match inner.chars().position(|character| !fits(character)) {
            Some(at) => Err(TrackError::Character { at: at.saturating_add(1) }),
            None => Ok(data),
        }
    }

    /// The track.
    #[must_use]
    pub fn track(&self) -> Track {
        self.track
    }

    /// The text with its sentinels, for the one computation that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.text.reveal()
    }

    /// The text as an ISO 8583 data element has it: without sentinels, `=` as it is.
    #[must_use]
    pub fn element(&self) -> &str {
        let text = self.reveal();
        text.strip_prefix(self.track.start())
            .and_then(|text| text.strip_suffix(self.track.end()))
            .unwrap_or(text)
    }

    /// The fields of the track's grammar.
    ///
    /// # Errors
    /// [`Ungrammatical`] with the field that is not one; a track need not be a financial one.
    pub fn fields(&self) -> Result<Fields<'_>, Ungrammatical> {
        match self.fields_read() {
            (fields, None) => Ok(fields),
            (_, Some(error)) => Err(error),
        }
    }

    /// The fields to the first that is none, and which that is.
    #[must_use]
    pub fn fields_read(&self) -> (Fields<'_>, Option<Ungrammatical>) {
        Fields::read(self.track, self.element())
    }
}

/// In constant time for texts of one length.
impl PartialEq for TrackData {
    fn eq(&self, other: &Self) -> bool {
        self.track == other.track && self.text.equals(other.reveal().as_bytes())
    }
}

impl Eq for TrackData {}

impl fmt::Display for TrackData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "track {}, {} characters", self.track.number(), self.reveal().len())?;
        write!(f, "{}", self.fields_read().0.masked())
    }
}

impl fmt::Debug for TrackData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    const TEXT: &str = ";4761739001010010=30121200012339900031?";

    #[test]
    fn a_text_is_one_of_its_track_or_refused() {
        use TrackError::{Character, Empty, NoEnd, NoStart, TooLong};
        let full = |track: Track, more: usize| {
            let digits = "7".repeat(track.characters_max() - 3 + more);
            format!("{}{digits}{}", track.start(), track.end())
        };
        for track in [Track::One, Track::Two, Track::Three] {
            assert!(TrackData::parse(track, &full(track, 0)).is_ok());
            assert_eq!(TrackData::parse(track, &full(track, 1)), Err(TooLong));
            assert_eq!(TrackData::parse(track, &full(track, 9_999)), Err(TooLong));
        }
        for (track, text, error) in [
            (Track::Two, "", NoStart),
            (Track::Two, "123?", NoStart),
            (Track::One, ";123?", NoStart),
            (Track::Two, ";123", NoEnd),
            (Track::Two, ";", NoEnd),
            (Track::Two, ";?", Empty),
            (Track::Two, ";12A4?", Character { at: 3 }),
            (Track::Two, ";12;4?", Character { at: 3 }),
            (Track::Two, ";12?4?", Character { at: 3 }),
            (Track::One, "%b?", Character { at: 1 }),
            (Track::One, "%BÉ?", Character { at: 2 }),
            (Track::One, "%B%?", Character { at: 2 }),
        ] {
            assert_eq!(TrackData::parse(track, text).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn an_element_is_the_text_without_sentinels() {
        let with =
            |track, element| TrackData::from_element(track, element).map(|data| data.reveal().to_string());
        assert_eq!(with(Track::Two, &TEXT[1..38]).as_deref(), Ok(TEXT));
        let packed = TEXT[1..38].replace('=', "D");
        assert_eq!(with(Track::Two, &packed).as_deref(), Ok(TEXT));
        assert_eq!(with(Track::Three, "0147DD1").as_deref(), Ok(";0147==1?"));
        assert_eq!(with(Track::One, "B4^D/D^1").as_deref(), Ok("%B4^D/D^1?"), "a letter of track 1");
        assert_eq!(with(Track::Two, ";47=1?"), Err(TrackError::Character { at: 1 }));
        assert_eq!(with(Track::Two, &"1".repeat(38)), Err(TrackError::TooLong));
        assert_eq!(TrackData::parse(Track::Two, TEXT).map(|data| data.element() == &TEXT[1..38]), Ok(true));
    }

    #[test]
    fn what_is_shown_is_masked() {
        let shown = |text| format!("{0} {0:?}", TrackData::parse(Track::Two, text).unwrap());
        let masked = "track 2, 39 characters, PAN 476173******0010";
        assert_eq!(shown(TEXT), format!("{masked} {masked}"));
        assert_eq!(shown(";65685740=450103?"), "track 2, 17 characters track 2, 17 characters");
        let data = TrackData::parse(Track::Two, TEXT).unwrap();
        let fields = format!("{:?}", data.fields().unwrap());
        for hidden in ["4761739001010010", "3012", "120", "000123399"] {
            assert!(!fields.contains(hidden) && !masked.contains(hidden), "{fields}");
        }
        assert_ne!(data, TrackData::parse(Track::Three, TEXT).unwrap());
    }
}
