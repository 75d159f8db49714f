//! `symbolon tool qr`: EMVCo QR codes, merchant- and consumer-presented, read and written in `core/wire`; the symbol itself as SVG.
use super::flags::{Flags, line};
use super::tlv::{Item, items, json_of, lines, shapeless, written};
use super::{no_verb, refused_at};
use crate::report::{Failure, Outcome, Report};
use qrcode::{Color, EcLevel, QrCode};
use serde_json::{Value, json};
use std::fmt::Write;
use symbolon_types::{CoreRefusal, Secret, hex_upper};
use symbolon_wire::qr::cpm::{self, ConsumerPresented, CpmError};
use symbolon_wire::qr::mpm::{self, Field, Kind, MpmError, Rule, table};
use symbolon_wire::tlv::{Node, Tag};

/// `symbolon tool qr --help`.
pub const HELP: &str = "\
symbolon tool qr decode TEXT
    the text of a payment QR code as a tree: what a merchant shows (it begins 0002, its CRC is checked) or what a consumer shows
    (base64, it begins hQV). TEXT is - for standard input, @FILE for a file
symbolon tool qr encode FILE.json [--svg F]
    the text of a tree, as decode answers it, or of a plain list: [[\"00\", \"01\"], …] for a merchant, [[\"85\", \"4350563031\"], …] for
    a consumer; a merchant's CRC may be left out, and must be right where it is there
      --svg F  also draws the symbol into F
What a specification asks for and codes in circulation lack is told as remarks; what cannot be computed with is refused.

$ symbolon tool qr decode '0002010216400012345678901252045541530397854041.505802FI5908HOTEL 106008HELSINKI630450BB'
00 Payload Format Indicator: 01
02 Merchant Account Information (Visa): 4000123456789012
52 Merchant Category Code: 5541
53 Transaction Currency: 978
54 Transaction Amount: 1.50
58 Country Code: FI
59 Merchant Name: HOTEL 10
60 Merchant City: HELSINKI
63 CRC: 50BB
";

const MERCHANT: &str = "merchant-presented";
const CONSUMER: &str = "consumer-presented";

/// Runs a verb.
pub fn run(verb: &str, flags: Flags) -> Outcome {
    match verb {
        "decode" => decode(flags),
        "encode" => encode(flags),
        _ => Err(no_verb("qr", "decode, encode")),
    }
}

fn merchant_refused(error: MpmError) -> Failure {
    refused_at(error, &error.to_string())
}

fn consumer_refused(error: CpmError) -> Failure {
    refused_at(error, &error.to_string())
}

fn decode(mut flags: Flags) -> Outcome {
    let word = flags.word().ok_or_else(|| Failure::Misuse("qr decode: which TEXT?".into()))?;
    flags.end()?;
    let text = line("text", Secret::new(word))?;
    // Merchants' codes begin with the digits of their first id; customers' are base64 of tag 85, which begins with a letter.
    let digits = text.reveal().starts_with(|first: char| first.is_ascii_digit());
    if digits { merchant(text.reveal()) } else { consumer(text.reveal()) }
}

fn merchant(text: &str) -> Outcome {
    let payload = mpm::decode(text).map_err(merchant_refused)?;
    let mut told = String::new();
    told_fields(&payload.fields, table::ROOT, 0, &mut told);
    let remarks = remarks(&payload.remarks, &mut told);
    let json = json!({
        "kind": MERCHANT,
        "fields": listed_fields(&payload.fields, table::ROOT),
        "crc": payload.value(63),
        "remarks": remarks,
    });
    Ok(Report { json, text: told })
}

/// As texts, each also a line.
fn remarks(remarks: &[impl std::fmt::Display], told: &mut String) -> Vec<String> {
    let remarks: Vec<String> = remarks.iter().map(ToString::to_string).collect();
    for remark in &remarks {
        let _ = writeln!(told, "remark: {remark}");
    }
    remarks
}

/// The name of an id, and the table of the template that it is.
fn row(rules: &'static [Rule], id: u8) -> (Option<&'static str>, Option<&'static [Rule]>) {
    let rule = table::rule(rules, id);
    let within = rule.and_then(|rule| match rule.kind {
        Kind::Template(rules) => Some(rules),
        _ => None,
    });
    (rule.map(|rule| rule.name), within)
}

fn listed_fields(fields: &[Field<'_>], rules: &'static [Rule]) -> Value {
    let listed = |field: &Field<'_>| {
        let (name, within) = row(rules, field.id);
        let mut one = json!({ "id": format!("{:02}", field.id), "name": name, "value": field.value });
        if let Some(rules) = within {
            one["fields"] = listed_fields(&field.fields, rules);
        }
        one
    };
    fields.iter().map(listed).collect()
}

fn told_fields(fields: &[Field<'_>], rules: &'static [Rule], depth: usize, told: &mut String) {
    for field in fields {
        let (name, within) = row(rules, field.id);
        let value = if within.is_some() { String::new() } else { format!(": {}", field.value) };
        let name = name.unwrap_or("not in the table");
        let _ = writeln!(told, "{:indent$}{:02} {name}{value}", "", field.id, indent = depth * 2);
        told_fields(&field.fields, within.unwrap_or_default(), depth + 1, told);
    }
}

fn consumer(text: &str) -> Outcome {
    let payload = ConsumerPresented::decode(text).map_err(consumer_refused)?;
    let nodes = payload.nodes().map_err(consumer_refused)?;
    let mut told = String::new();
    lines(&nodes, &|tag: Tag| cpm::name(tag).map(str::to_owned), 0, &mut told);
    let remarks = remarks(&payload.remarks(), &mut told);
    let json = json!({
        "kind": CONSUMER,
        "fields": listed_nodes(&nodes),
        "tlv": hex_upper(payload.reveal()),
        "remarks": remarks,
    });
    Ok(Report { json, text: told })
}

fn listed_nodes(nodes: &[Node<'_>]) -> Value {
    let listed = |node: &Node<'_>| {
        let tlv = &node.tlv;
        let mut one = json!({
            "tag": tlv.tag.to_string(),
            "name": cpm::name(tlv.tag),
            "length": tlv.value.len(),
            "value": hex_upper(tlv.value),
        });
        if tlv.tag.is_constructed() {
            one["fields"] = listed_nodes(&node.children);
        }
        one
    };
    nodes.iter().map(listed).collect()
}

fn encode(mut flags: Flags) -> Outcome {
    let path = flags.word().ok_or_else(|| Failure::Misuse("qr encode: which FILE.json?".into()))?;
    let svg = flags.text("svg")?;
    flags.end()?;
    let tree = json_of(&path)?;
    let items = items(tree.get("fields").unwrap_or(&tree))?;
    let first = items.first().ok_or_else(shapeless)?;
    let kind = if first.name == "85" { CONSUMER } else { MERCHANT };
    if tree.get("kind").is_some_and(|given| given != kind) {
        return Err(Failure::Misuse("FILE.json: its kind is not that of its first object".into()));
    }
    let payload = if kind == CONSUMER {
        let mut bytes = Vec::new();
        written(&items, &mut bytes)?;
        ConsumerPresented::from_tlv(bytes).map_err(consumer_refused)?.encode()
    } else {
        mpm::encode(&borrowed(&flat(&items)?)).map_err(merchant_refused)?
    };
    if let Some(path) = svg {
        let drawn = drawn(&payload)?;
        std::fs::write(path.reveal(), drawn).map_err(|error| {
            Failure::Misuse(format!("--svg: the file cannot be written: {}", error.kind()))
        })?;
    }
    Ok(Report { json: json!({ "payload": payload }), text: payload })
}

/// Ids with their values, those of a template put together. One that has a value and a list must have them say the same.
fn flat(items: &[Item]) -> Result<Vec<(u8, String)>, Failure> {
    let one = |item: &Item| {
        let digits = item.name.len() == 2 && item.name.bytes().all(|byte| byte.is_ascii_digit());
        let id = item.name.parse().ok().filter(|_| digits);
        let id = id.ok_or_else(|| Failure::Misuse("FILE.json: an id is not two digits".into()))?;
        let joined = match &item.items {
            Some(items) => Some(mpm::join(&borrowed(&flat(items)?)).map_err(merchant_refused)?),
            None => None,
        };
        match (&item.value, joined) {
            (Some(value), Some(joined)) if *value != joined => Err(Failure::Misuse(format!(
                "FILE.json: the value of {id:02} and what is listed in it differ"
            ))),
            (_, Some(joined)) => Ok((id, joined)),
            (Some(value), None) => Ok((id, value.clone())),
            (None, None) => Err(shapeless()),
        }
    };
    items.iter().map(one).collect()
}

fn borrowed(fields: &[(u8, String)]) -> Vec<(u8, &str)> {
    fields.iter().map(|(id, value)| (*id, value.as_str())).collect()
}

/// Modules of quiet zone on each side (ISO/IEC 18004 §6.3.8).
const QUIET_MODULES: usize = 4;

/// The symbol of a text, one unit a module: error correction M, or L where it does not fit so.
fn drawn(text: &str) -> Result<String, Failure> {
    let symbol = [EcLevel::M, EcLevel::L]
        .into_iter()
        .find_map(|level| QrCode::with_error_correction_level(text.as_bytes(), level).ok())
        .ok_or_else(|| CoreRefusal::TooLarge.refused())?;
    let (width, colors) = (symbol.width(), symbol.to_colors());
    let side = width + 2 * QUIET_MODULES;
    let mut path = String::new();
    for (y, line) in colors.chunks(width).enumerate() {
        let mut x = 0;
        for run in line.chunk_by(|left, right| left == right) {
            if run.first() == Some(&Color::Dark) {
                let (left, top, length) = (x + QUIET_MODULES, y + QUIET_MODULES, run.len());
                let _ = write!(path, "M{left} {top}h{length}v1h-{length}z");
            }
            x += run.len();
        }
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/><path d=\"{path}\"/></svg>\n"
    ))
}
