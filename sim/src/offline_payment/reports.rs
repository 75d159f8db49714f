//! Reports that overtake each other: two of one device in the same stretch of time, now and then with a restart in between, the later one sent first.
//!
//! **Invariant:** `honest-devices-stay`: whatever the order in which its reports arrive, a device that nobody copied is not taken for a copy.
use super::authenticator::Trouble;
use super::edge::Route;
use super::facts::Facts;
use super::phone::Phone;
use crate::world::Common;
use symbolon_offline_payment::messages::Request;

impl Phone {
    /// Reports twice at one time; the report that was made first is sent last.
    pub fn report_twice(&mut self, world: &mut Common, facts: &mut Facts) -> Result<(), Trouble> {
        self.recover(world, facts)?;
        let first = self.device.message(world, Request::Report(()))?;
        if world.rng.chance(1, 2) {
            self.device.switch_off();
            self.device.start(world);
        }
        let second = self.device.message(world, Request::Report(()))?;
        self.request(world, Route::Report, second.0);
        self.request(world, Route::Report, first.0);
        Ok(())
    }
}
