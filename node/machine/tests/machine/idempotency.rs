//! Request ids: the first answer again, never a second run.
use crate::world::*;
use symbolon_log::memory::MemoryDisk;
use symbolon_machine::{
    AnyOutcome, ID_AHEAD_MS_MAX, ID_KEPT_MS, PlatformCommand, Principal, RequestId, RevokeKey, Submission,
    keys,
};
use symbolon_types::UnixMs;

const OLD: u16 = 9;
const AHEAD: u16 = 13;
const CONFLICT: u16 = 5;

struct Fixture {
    disk: MemoryDisk,
    shelf: Shelf,
    machine: MemoryMachine,
}

impl Fixture {
    fn new() -> Self {
        let (disk, shelf) = (MemoryDisk::default(), Shelf::default());
        let (machine, _) = open(disk.clone(), shelf.clone(), NEVER).unwrap();
        Self { disk, shelf, machine }
    }

    fn restart(&mut self) {
        *self = Self {
            machine: {
                self.disk.kill();
                open(self.disk.clone(), self.shelf.clone(), NEVER).unwrap().0
            },
            disk: self.disk.clone(),
            shelf: self.shelf.clone(),
        };
    }

    fn answer(&mut self, at: u64, who: Principal, id: RequestId, command: PlatformCommand) -> AnyOutcome {
        let submission = Submission::with_id(command, who, id);
        self.machine.step(UnixMs(at), &[submission]).unwrap().remove(0).1
    }

    fn keys(&self) -> usize {
        self.machine.read(|rows| keys(rows, 100).len()).unwrap().1
    }
}

#[test]
fn the_same_id_gets_the_first_answer_and_another_body_is_refused() {
    let mut node = Fixture::new();
    assert_eq!(node.answer(START, ALICE, id(START, 1), add_key("key", 1)), DONE);
    // Without the id this command would be refused now, as the key is there.
    assert_eq!(node.answer(START, ALICE, id(START, 1), add_key("key", 1)), DONE);
    assert_eq!(node.answer(START, ALICE, id(START, 2), add_key("key", 1)), refused(CONFLICT));
    assert_eq!(node.answer(START, ALICE, id(START, 1), add_key("key", 2)), refused(CONFLICT));
    assert_eq!(node.keys(), 1, "the other body was not run");
    let revoke = PlatformCommand::RevokeKey(RevokeKey { key: hash("key", 1) });
    assert_eq!(node.answer(START, ALICE, id(START, 1), revoke), refused(CONFLICT));
    assert_eq!(
        node.machine.read(|rows| symbolon_machine::scopes_of(rows, &hash("key", 1)).len()).unwrap().1,
        1
    );
}

#[test]
fn a_refusal_is_kept_as_the_first_answer_too() {
    let mut node = Fixture::new();
    let revoke = || PlatformCommand::RevokeKey(RevokeKey { key: hash("key", 1) });
    assert_eq!(node.answer(START, ALICE, id(START, 1), revoke()), refused(8));
    assert_eq!(node.answer(START, ALICE, id(START, 2), add_key("key", 1)), DONE);
    assert_eq!(node.answer(START, ALICE, id(START, 1), revoke()), refused(8), "the key is there by now");
    assert_eq!(node.answer(START, ALICE, id(START, 3), revoke()), DONE);
}

#[test]
fn ids_of_two_principals_do_not_meet() {
    let mut node = Fixture::new();
    assert_eq!(node.answer(START, ALICE, id(START, 1), add_key("key", 1)), DONE);
    assert_eq!(node.answer(START, BOB, id(START, 1), add_key("key", 2)), DONE);
    assert_eq!(node.answer(START, BOB, id(START, 1), add_key("key", 1)), refused(CONFLICT));
    assert_eq!(node.keys(), 2);
}

#[test]
fn an_id_is_taken_from_seven_days_back_to_five_minutes_ahead() {
    let mut node = Fixture::new();
    for (id_at, n, expected) in [
        (START - ID_KEPT_MS, 1, refused(OLD)),
        (START - ID_KEPT_MS + 1, 2, DONE),
        (START + ID_AHEAD_MS_MAX, 3, DONE),
        (START + ID_AHEAD_MS_MAX + 1, 4, refused(AHEAD)),
        (0, 5, refused(OLD)),
        ((1 << 48) - 1, 6, refused(AHEAD)),
    ] {
        assert_eq!(node.answer(START, ALICE, id(id_at, n), add_key("key", n)), expected, "id of {id_at}");
    }
    assert_eq!(node.keys(), 2, "what was refused was not run");
    let rows = dump(&node.machine).iter().filter(|(table, _, _)| *table == 5).count();
    assert_eq!(rows, 2, "a refused id is not kept");
    let later = START + 1;
    let id = id(START + ID_AHEAD_MS_MAX + 1, 4);
    assert_eq!(node.answer(later, ALICE, id, add_key("key", 4)), DONE, "and may come again in its time");
}

#[test]
fn ids_survive_a_restart_by_replay_and_by_checkpoint() {
    for checkpoint in [false, true] {
        let mut node = Fixture::new();
        node.answer(START, ALICE, id(START, 1), add_key("key", 1));
        if checkpoint {
            node.machine.checkpoint(None).unwrap();
        }
        node.restart();
        assert_eq!(node.answer(START, ALICE, id(START, 1), add_key("key", 1)), DONE);
        assert_eq!(node.answer(START, ALICE, id(START, 1), add_key("key", 2)), refused(CONFLICT));
        assert_eq!(node.keys(), 1);
    }
}

#[test]
fn an_id_expires_after_seven_days_and_is_then_refused_never_run_again() {
    let mut node = Fixture::new();
    node.answer(START, ALICE, id(START, 1), add_key("key", 1));
    assert_eq!(node.machine.next_due().unwrap(), Some(UnixMs(START + ID_KEPT_MS)));
    let revoke = || PlatformCommand::RevokeKey(RevokeKey { key: hash("key", 1) });
    let last = START + ID_KEPT_MS - 1;
    assert_eq!(
        node.answer(last, ALICE, id(START, 1), add_key("key", 1)),
        DONE,
        "kept to the last millisecond"
    );
    node.machine.step(UnixMs(START + ID_KEPT_MS), &[]).unwrap();
    assert_eq!(node.machine.next_due().unwrap(), None);
    let kept = dump(&node.machine).iter().filter(|(table, _, _)| [5, 6].contains(table)).count();
    assert_eq!(kept, 0);
    node.restart();
    assert_eq!(node.answer(START + ID_KEPT_MS, ALICE, id(START, 1), add_key("key", 1)), refused(OLD));
    assert_eq!(node.answer(START + ID_KEPT_MS, ALICE, id(START, 1), revoke()), refused(OLD));
    assert_eq!(
        node.machine.read(|rows| symbolon_machine::scopes_of(rows, &hash("key", 1)).len()).unwrap().1,
        1
    );
}

#[test]
fn what_falls_due_in_the_batch_of_a_repeat_goes_first() {
    let mut node = Fixture::new();
    node.answer(START, ALICE, id(START, 1), add_key("key", 1));
    assert_eq!(node.answer(START + ID_KEPT_MS, ALICE, id(START, 1), add_key("key", 1)), refused(OLD));
}

#[test]
fn the_text_form_is_that_of_rfc_9562() {
    // RFC 9562, appendix A.6: a UUID of version 7 with the time 0x017F22E279B0.
    let example = RequestId::parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F").unwrap();
    assert_eq!(example.at(), UnixMs(0x017F_22E2_79B0));
    assert_eq!(RequestId::parse("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), Some(example));
    for wrong in [
        "017F22E2-79B0-4CC3-98C4-DC0C0C07398F",
        "017F22E2-79B0-7CC3-48C4-DC0C0C07398F",
        "017F22E279B07CC398C4DC0C0C07398F",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398G",
        "{17F22E2-79B0-7CC3-98C4-DC0C0C07398}",
        "",
    ] {
        assert_eq!(RequestId::parse(wrong), None, "{wrong}");
    }
}
