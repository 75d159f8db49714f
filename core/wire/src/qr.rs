//! EMVCo QR codes, merchant- and consumer-presented.
