//! The OpenAPI document of `/v1`, made from the handlers.
use crate::{acquiring, offline_payment as op, platform};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(title = "Symbolon", description = "Proofs of rights: issued, carried, presented, checked, settled."),
    paths(
        platform::redeem_first, platform::add, platform::list, platform::revoke,
        op::operator::open_account, op::operator::account, op::operator::fund, op::operator::invite_authenticator,
        op::operator::invite_payee, op::operator::payee, op::operator::evidence, op::operator::revoke_authenticator,
        op::operator::repay, op::trust::keys, op::trust::trust, op::trust::rotate, op::trust::revoke, op::trust::set_policy,
        op::device::enrol, op::device::grants, op::device::enrol_payee, op::device::settle, op::device::report,
        op::device::refund, op::device::statement,
        acquiring::set_policy, acquiring::open_account, acquiring::account, acquiring::account_statement, acquiring::set_terminal, acquiring::set_card,
        acquiring::transfer, acquiring::set_processor,
    ),
    modifiers(&Bearer)
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        openapi.components.get_or_insert_default().add_security_scheme("bearer", scheme);
    }
}

/// The document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
