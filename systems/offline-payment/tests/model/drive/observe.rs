//! What is looked at after every operation: machines, money, payees, and R1 to R5 by what the server has on record.
use super::{Check, Drive, same};
use crate::reference::LIMIT;
use crate::world::{QUICK, Shop};
use symbolon_keys::Crypto;
use symbolon_offline_payment::state;

impl Drive {
    pub(super) fn observe(&mut self) -> Check {
        for at in 0..self.handsets.len() {
            let (shown, now) = (self.shown(at)?, self.now());
            same(&format!("machine {at}"), shown, self.handsets[at].machine.shown(now))?;
        }
        for (at, device) in self.model.devices.iter().enumerate() {
            let of = self.handsets.iter().find(|handset| handset.machine.device == at).unwrap();
            same("revoked", self.world.revoked(&of.phone), device.revoked)?;
        }
        self.world.due();
        let money = (self.model.available(), self.model.reserved(), self.model.owed);
        same("available, reserved, owed", self.world.balance(), money)?;
        self.observe_payees()?;
        self.observe_rules()
    }

    pub(super) fn observe_payees(&self) -> Check {
        for (at, (shop, till)) in self.shops.iter().zip(&self.model.tills).enumerate() {
            let mine = self.model.credits.iter().filter(|credit| credit.till == at);
            let credited = mine.map(|credit| credit.amount).sum();
            same("credited", self.world.credited(shop), credited)?;
            let lost = state::payee(&self.world.rows, &shop.id).unwrap().loss_minor;
            same("made good", lost, till.lost)?;
            if lost > till.cap {
                return Err(format!("R4: {lost} made good, the cap is {}", till.cap));
            }
        }
        Ok(())
    }

    /// R1 to R5 by what the server has on record, whatever the model says.
    pub(super) fn observe_rules(&self) -> Check {
        let (mut paid, mut credits) = (0, 0);
        for (at, (token, _)) in self.nonces.iter().enumerate() {
            let Some(token) = token else { continue };
            let token = QUICK.sha256(&[&token.0]);
            let on_record = |shop: &Shop| state::settlement(&self.world.rows, &token, &shop.id);
            let found: Vec<_> = self.shops.iter().filter_map(on_record).collect();
            let first = found.iter().filter(|settled| settled.source == state::Source::Reservation);
            let (firsts, posted) =
                first.fold((0, 0), |(n, sum), settled| (n + 1, sum + settled.amount.minor()));
            let all: u64 = found.iter().map(|settled| settled.amount.minor()).sum();
            let caps: u64 = self.model.tills.iter().map(|till| till.cap).sum();
            if firsts > 1 || posted > LIMIT || firsts == 0 && all > 0 {
                return Err(format!("R1, R4: nonce {at}: {firsts} from one reservation, {posted} in all"));
            }
            // What a payee gave back frees its cap, so what counts is what it still has.
            if all > LIMIT + caps + self.refunded() {
                return Err(format!("R4: nonce {at} brought its payees {all}"));
            }
            if found.len() > 1 && state::evidence(&self.world.rows, &token).is_none() {
                return Err(format!(
                    "R5: nonce {at} was paid {} times and there is no evidence",
                    found.len()
                ));
            }
            paid += all;
            credits += found.len();
        }
        same("R4: credits", credits, self.model.credits.len())?;
        let (available, reserved, owed) = self.world.balance();
        let gone = (self.funded + owed) - (available + reserved);
        let authorised: u64 = self.model.objects.iter().map(|object| object.amount).sum();
        if gone + self.refunded() != paid || paid > authorised {
            return Err(format!(
                "the payer is {gone} poorer, payees got {paid}, {authorised} were authorised"
            ));
        }
        Ok(())
    }

    pub(super) fn refunded(&self) -> u64 {
        self.model.credits.iter().map(|credit| credit.refunded).sum()
    }
}
