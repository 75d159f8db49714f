//! Card verification values: CVV, PVV, PIN offset.
