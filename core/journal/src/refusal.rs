//! What a transfer is answered: numbered, stable, in the order of precedence of the crate's table.
use symbolon_types::refusals;

/// A transfer or an account that stands as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Now.
    Created,
    /// Before, by the same body; nothing was changed.
    Exists,
}

impl Done {
    /// The number of the answer: 40 or 41, beside those of [`JournalRefusal`].
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Created => 40,
            Self::Exists => 41,
        }
    }
}

/// The answer to one transfer of a chain.
pub type TransferResult = Result<Done, JournalRefusal>;

refusals! {
    /// Why money did not move. A refused id is not consumed.
    pub enum JournalRefusal {
        42 IdTwiceInChain "TRANSFER_ID_TWICE" "an earlier transfer of the same chain has this id",
        43 ExistsWithDifferentBody "TRANSFER_EXISTS" "the id was used before with another body",
        44 PartlyExists "CHAIN_PARTLY_EXISTS" "this transfer exists already while others of its chain do not",
        45 AmountZero "TRANSFER_AMOUNT_ZERO" "the amount is zero",
        46 AccountsSame "ACCOUNTS_SAME" "the account to debit is the account to credit",
        47 DebitAccountNotFound "DEBIT_ACCOUNT_NOT_FOUND" "there is no such account to debit",
        48 CreditAccountNotFound "CREDIT_ACCOUNT_NOT_FOUND" "there is no such account to credit",
        49 PendingNotFound "PENDING_NOT_FOUND" "there is no such transfer to post or void",
        50 PendingNotPending "PENDING_NOT_PENDING" "the transfer to post or void never was a pending one",
        51 PendingAlreadyPosted "PENDING_ALREADY_POSTED" "the pending transfer was posted before",
        52 PendingAlreadyVoided "PENDING_ALREADY_VOIDED" "the pending transfer was voided before",
        53 PendingExpired "PENDING_EXPIRED" "the pending transfer has expired; its money is released",
        54 CurrencyMismatch "CURRENCY_MISMATCH" "the amount and the accounts are not of one currency",
        55 ExpiryPassed "EXPIRY_PASSED" "a pending transfer must expire later than now",
        56 ExceedsPendingAmount "EXCEEDS_PENDING_AMOUNT" "more would be posted than the pending transfer holds",
        57 Overflow "BALANCE_OVERFLOW" "a balance would become larger than balances can be",
        58 ExceedsCredits "EXCEEDS_CREDITS" "the account to debit has not enough left, counting what is reserved",
        59 ExceedsDebits "EXCEEDS_DEBITS" "the account to credit cannot take as much, counting what is reserved",
        60 LinkedFailed "LINKED_FAILED" "another transfer of the same chain was refused, so none of it was done",
        61 AuthorisationIdWrong "AUTHORISATION_ID_WRONG" "an authorisation is known by its own id, and no other operation has that id",
        62 AuthorisationNotFound "AUTHORISATION_NOT_FOUND" "there is no such authorisation",
        63 AuthorisationOvertaken "AUTHORISATION_OVERTAKEN" "its reversal or its presentment came before the authorisation",
        64 AuthorisationDiffers "AUTHORISATION_DIFFERS" "the authorisation is of another cardholder or merchant",
        65 ExceedsCaptured "EXCEEDS_CAPTURED" "more would be given back than was captured and not given back before",
        66 ExceedsChargedBack "EXCEEDS_CHARGED_BACK" "more would be taken back than was charged back",
    }
}
