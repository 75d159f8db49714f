//! The stateful target: the input is a schedule of the simulated world.
use symbolon_sim::{Action, Planted, every_action, play};

/// The most actions of one input.
const ACTIONS_MAX: usize = 200;

/// Two bytes of seed, then three for each action: which, and what its chance is drawn from. The world's invariants stand after each.
pub fn world(data: &[u8]) {
    let Some((&[high, low], rest)) = data.split_first_chunk::<2>() else { return };
    let every = every_action();
    let action = |bytes: &[u8; 3]| {
        let (part, what) = *every.get(usize::from(bytes[0]) % every.len().max(1))?;
        Some(Action { part, what, draw: u64::from(u16::from_be_bytes([bytes[1], bytes[2]])) })
    };
    let (chunks, _) = rest.as_chunks::<3>();
    let actions: Vec<Action> = chunks.iter().take(ACTIONS_MAX).filter_map(action).collect();
    let report = play(u64::from(u16::from_be_bytes([high, low])), Planted::default(), &actions);
    assert!(report.failure.is_none(), "{:#?}", report.failure);
}
