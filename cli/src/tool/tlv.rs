//! `symbolon tool tlv`: the data objects of cards and terminals (BER-TLV, EMV Book 3), read and written in `core/wire`.
use super::flags::{Flags, wrong};
use super::{no_verb, refused_at};
use crate::report::{Failure, Outcome, Report};
use serde_json::{Value, json};
use std::fmt::Write;
use symbolon_types::{hex_parse, hex_upper};
use symbolon_wire::tlv::cvm::CvmList;
use symbolon_wire::tlv::dictionary::{Kernel, element, meanings};
use symbolon_wire::tlv::dol::Dol;
use symbolon_wire::tlv::{Node, Padding, Tag, TlvError, append, append_nodes, padded_tree, tree};

/// `symbolon tool tlv --help`.
pub const HELP: &str = "\
symbolon tool tlv decode --hex HEX [--kernel contact|c2|c3|c4|c5|c6|c7|c8] [--padding zeros|iso7816]
    data objects as a tree, each with its tag, name, length and value; a template (bit 6 of its tag's first byte) has children
      --kernel   whose names: several tags mean something else to each kernel (9F6B, 9F66, 9F6E, 9F7C); without it every meaning is said
      --padding  zeros: 00 between objects means nothing (EMV); iso7816: nor does FF after the last one
symbolon tool tlv encode FILE.json
    the bytes of a list of [TAG, VALUE] and [TAG, LIST], or of what decode answers; lengths in their shortest form
symbolon tool tlv dol --hex HEX [--values @FILE.json] [--kernel K]
    what a data object list (PDOL, CDOL, DDOL) asks for; with values, a JSON object {TAG: VALUE}, the data it is filled with
symbolon tool tlv cvm-list --hex HEX
    the value of tag 8E: two amounts and the rules, in the order of preference

An object is a tag, a length and a value: 9F02 06 000000001000 is Amount, Authorised (Numeric), six bytes, 10.00.

$ symbolon tool tlv decode --hex 7709820219809F36020001
77 Response Message Template Format 2, 9 bytes
  82 Application Interchange Profile (AIP), 2 bytes: 1980
  9F36 Application Transaction Counter (ATC), 2 bytes: 0001
$ symbolon tool tlv dol --hex 9F02069A039C01
9F02 Amount, Authorised (Numeric), 6 bytes
9A Transaction Date, 3 bytes
9C Transaction Type, 1 byte
";

/// Runs a verb.
pub fn run(verb: &str, flags: Flags) -> Outcome {
    match verb {
        "decode" => decode(flags),
        "encode" => encode(flags),
        "dol" => dol(flags),
        "cvm-list" => cvm_list(flags),
        _ => Err(no_verb("tlv", "decode, encode, dol, cvm-list")),
    }
}

fn kernel(flags: &mut Flags) -> Result<Option<Kernel>, Failure> {
    flags.choice("kernel", &Kernel::ALL.map(|kernel| (kernel.name(), kernel)))
}

fn refused(error: TlvError) -> Failure {
    refused_at(error, &error.to_string())
}

/// What a tag means to a kernel; without one, each meaning with the kernels whose it is, where there are several.
pub(super) fn name(kernel: Option<Kernel>, tag: Tag) -> Option<String> {
    if let Some(kernel) = kernel {
        return element(kernel, tag).map(|element| element.name.to_owned());
    }
    let mut names: Vec<(&str, Vec<&str>)> = Vec::new();
    for (kernel, element) in meanings(tag) {
        match names.iter_mut().find(|row| row.0 == element.name) {
            Some(row) => row.1.push(kernel.name()),
            None => names.push((element.name, vec![kernel.name()])),
        }
    }
    match names.as_slice() {
        [] => None,
        [(name, _)] => Some((*name).to_owned()),
        several => {
            let told = several.iter().map(|(name, kernels)| format!("{name} [{}]", kernels.join(", ")));
            Some(told.collect::<Vec<_>>().join(" / "))
        }
    }
}

fn decode(mut flags: Flags) -> Outcome {
    let bytes = flags.required_bytes("hex")?;
    let kernel = kernel(&mut flags)?;
    let paddings = [("zeros", Padding::Zeros), ("iso7816", Padding::ZerosAndFinalOnes)];
    let padding = flags.choice("padding", &paddings)?.unwrap_or_default();
    flags.end()?;
    let nodes = padded_tree(bytes.reveal(), padding).map_err(refused)?;
    let name = |tag| name(kernel, tag);
    let mut text = String::new();
    lines(&nodes, &name, 0, &mut text);
    Ok(Report { json: listed(&nodes, &name), text })
}

/// A level as JSON; a primitive object has no children.
fn listed(nodes: &[Node<'_>], name: &dyn Fn(Tag) -> Option<String>) -> Value {
    let row = |node: &Node<'_>| {
        json!({
            "tag": node.tlv.tag.to_string(),
            "name": name(node.tlv.tag),
            "length": node.tlv.value.len(),
            "value": hex_upper(node.tlv.value),
            "children": node.tlv.tag.is_constructed().then(|| listed(&node.children, name)),
        })
    };
    nodes.iter().map(row).collect()
}

/// A level as lines for people, `depth` levels in.
pub(super) fn lines(
    nodes: &[Node<'_>],
    name: &dyn Fn(Tag) -> Option<String>,
    depth: usize,
    text: &mut String,
) {
    for node in nodes {
        let told = described(node.tlv.tag, node.tlv.value.len(), name);
        let value = match node.tlv.tag.is_constructed() || node.tlv.value.is_empty() {
            true => String::new(),
            false => format!(": {}", hex_upper(node.tlv.value)),
        };
        let _ = writeln!(text, "{:indent$}{told}{value}", "", indent = depth * 2);
        lines(&node.children, name, depth + 1, text);
    }
}

fn described(tag: Tag, length: usize, name: &dyn Fn(Tag) -> Option<String>) -> String {
    let name = name(tag).unwrap_or_else(|| "not in the dictionary".to_owned());
    let bytes = if length == 1 { "byte" } else { "bytes" };
    format!("{tag} {name}, {length} {bytes}")
}

/// The JSON of the file that a word names, or of standard input for `-`. An error repeats nothing of it.
pub(super) fn json_of(path: &str) -> Result<Value, Failure> {
    let bytes = crate::args::file_of("file", path.strip_prefix('@').unwrap_or(path))
        .map_err(|_| Failure::Misuse("FILE.json: the file cannot be read".into()))?;
    serde_json::from_slice(&bytes).map_err(|_| Failure::Misuse("FILE.json: the file is not JSON".into()))
}

/// An object to be written: a tag or an id, and what is in it.
pub(super) struct Item {
    /// The tag or the id as it was given.
    pub name: String,
    /// Its value as it was given, where there is one.
    pub value: Option<String>,
    /// The objects in it, where they are listed.
    pub items: Option<Vec<Item>>,
}

/// What says nothing that can be written.
pub(super) fn shapeless() -> Failure {
    Failure::Misuse(
        "FILE.json: neither a list of [TAG, VALUE] or [TAG, LIST], nor what decode answers".into(),
    )
}

/// A list of `[name, value]`, `[name, list]`, or objects with `tag` or `id`, and `value`, `children` or `fields`.
pub(super) fn items(value: &Value) -> Result<Vec<Item>, Failure> {
    let rows = value.as_array().ok_or_else(shapeless)?;
    rows.iter().map(|row| item(row).ok_or_else(shapeless)).collect()
}

fn item(row: &Value) -> Option<Item> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (name, value, within) = match row {
        Value::Array(pair) => match pair.as_slice() {
            [name, Value::String(value)] => (name, Some(value.clone()), &Value::Null),
            [name, list] => (name, None, list),
            _ => return None,
        },
        Value::Object(row) => {
            let one = |first: &str, second: &str| row.get(first).or_else(|| row.get(second));
            let within = one("children", "fields").unwrap_or(&Value::Null);
            (one("tag", "id")?, row.get("value").and_then(text), within)
        }
        _ => return None,
    };
    let items = if within.is_null() { None } else { Some(items(within).ok()?) };
    let told = value.is_some() || items.is_some();
    told.then_some(Item { name: text(name)?, value, items })
}

/// Appends the objects. One that has a value and a list must have them say the same.
pub(super) fn written(items: &[Item], out: &mut Vec<u8>) -> Result<(), Failure> {
    for item in items {
        let tag = Tag::parse(&item.name).ok_or_else(|| Failure::Misuse("FILE.json: a tag is none".into()))?;
        let value = item.value.as_deref().map(|value| hex_parse(value).ok_or_else(not_hex)).transpose()?;
        let inner = item.items.as_deref().map(|items| inner(tag, items)).transpose()?;
        let value = match (value, inner) {
            (Some(value), None) if tag.is_constructed() => canonical(&value)?,
            (Some(value), None) => value,
            (None, Some(inner)) => inner,
            (Some(value), Some(inner)) if canonical(&value)? == inner => inner,
            _ => return Err(Failure::Misuse("FILE.json: a value and what is listed in it differ".into())),
        };
        append(out, tag, &value);
    }
    Ok(())
}

fn not_hex() -> Failure {
    Failure::Misuse("FILE.json: a value is not hexadecimal".into())
}

fn inner(tag: Tag, items: &[Item]) -> Result<Vec<u8>, Failure> {
    let mut inner = Vec::new();
    written(items, &mut inner)?;
    if tag.is_constructed() || items.is_empty() {
        Ok(inner)
    } else {
        Err(Failure::Misuse(format!("FILE.json: {tag} is primitive and has no objects in it")))
    }
}

/// The contents of a template in their shortest form.
fn canonical(value: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    append_nodes(&mut out, &tree(value).map_err(refused)?);
    Ok(out)
}

fn encode(mut flags: Flags) -> Outcome {
    let path = flags.word().ok_or_else(|| Failure::Misuse("tlv encode: which FILE.json?".into()))?;
    flags.end()?;
    let mut bytes = Vec::new();
    written(&items(&json_of(&path)?)?, &mut bytes)?;
    // What nests deeper or counts more than is read is not written either.
    tree(&bytes).map_err(refused)?;
    let text = hex_upper(&bytes);
    Ok(Report { json: json!({ "hex": text }), text })
}

fn dol(mut flags: Flags) -> Outcome {
    let bytes = flags.required_bytes("hex")?;
    let kernel = kernel(&mut flags)?;
    let values = flags.text("values")?;
    flags.end()?;
    let list = Dol::parse(bytes.reveal()).map_err(refused)?;
    let name = |tag| name(kernel, tag);
    let entry =
        |(tag, length): (Tag, u8)| json!({ "tag": tag.to_string(), "name": name(tag), "length": length });
    let entries = list.entries().iter().map(|row| (row.tag, row.length));
    let mut answer = json!({
        "entries": entries.clone().map(entry).collect::<Vec<_>>(),
        "data_length": list.data_length(),
    });
    let mut text = entries
        .map(|(tag, length)| described(tag, usize::from(length), &name))
        .collect::<Vec<_>>()
        .join("\n");
    if let Some(values) = values {
        let values = values_of(values.reveal())?;
        let value = |tag| values.iter().find(|row| row.0 == tag).map(|row| row.1.as_slice());
        let data = hex_upper(&list.fill(kernel.unwrap_or(Kernel::Contact), value));
        text.clone_from(&data);
        answer["data"] = json!(data);
    }
    Ok(Report { json: answer, text })
}

/// `{TAG: VALUE}`, both hexadecimal.
fn values_of(json: &str) -> Result<Vec<(Tag, Vec<u8>)>, Failure> {
    let mistake = || wrong("values", "not a JSON object {TAG: VALUE} of hexadecimal");
    let parsed: Value = serde_json::from_str(json).map_err(|_| mistake())?;
    let row = |(tag, value): (&String, &Value)| Some((Tag::parse(tag)?, hex_parse(value.as_str()?)?));
    parsed.as_object().ok_or_else(mistake)?.iter().map(|pair| row(pair).ok_or_else(mistake)).collect()
}

fn cvm_list(mut flags: Flags) -> Outcome {
    let bytes = flags.required_bytes("hex")?;
    flags.end()?;
    let list = CvmList::parse(bytes.reveal()).map_err(refused)?;
    let mut text = format!("X {}, Y {} minor units", list.amount_x, list.amount_y);
    let mut rules = Vec::new();
    for rule in &list.rules {
        let shown = hex_upper(&[rule.code, rule.condition]);
        let (method, condition) = (rule.method(), rule.condition_name());
        let next = if rule.continues() { "; if it fails, the next rule" } else { "" };
        let told = |name: Option<&'static str>| name.unwrap_or("reserved");
        let _ = write!(text, "\n{shown} {}. {}{next}", told(method), told(condition));
        rules.push(json!({
            "rule": shown, "method": method, "condition": condition, "continues": rule.continues(),
        }));
    }
    let json = json!({ "amount_x": list.amount_x, "amount_y": list.amount_y, "rules": rules });
    Ok(Report { json, text })
}
