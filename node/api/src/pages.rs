//! The page at `/` until there is a console, health, metrics, the OpenAPI document.
use crate::{Node, openapi};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

pub(crate) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(|| async { axum::Json(openapi::document()) }))
}

const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Symbolon</title>\
<style>body{font:16px/1.5 system-ui;max-width:40em;margin:4em auto;padding:0 1em}</style>\
<h1>Symbolon</h1><p>This platform is running. Its console is not part of this version; what there is:</p>\
<ul><li><a href=\"/openapi.json\">/openapi.json</a>: the HTTP API</li>\
<li><a href=\"/health/live\">/health/live</a>, <a href=\"/health/ready\">/health/ready</a></li>\
<li><a href=\"/metrics\">/metrics</a>: for Prometheus</li></ul>\
<p>Begin with the one-time key whose file <code>symbolon serve</code> named when it started: \
<code>POST /v1/keys/first</code> with <code>Authorization: Bearer KEY</code>.</p></html>";

async fn ready(State(node): State<Arc<Node>>) -> Response {
    let ready = node.writer.is_running() && node.read(|_| ()).is_ok();
    if ready {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "halted\n").into_response()
    }
}

async fn metrics(State(node): State<Arc<Node>>) -> Response {
    let applied = node.read(|_| ()).map_or(0, |(sequence, ())| sequence);
    let mut body = format!(
        "# HELP symbolon_sequence The last command that is durable and applied.\n# TYPE symbolon_sequence counter\n\
         symbolon_sequence {applied}\n\
         # HELP symbolon_writer_running Whether the writer runs.\n# TYPE symbolon_writer_running gauge\n\
         symbolon_writer_running {}\n\
         # HELP symbolon_answered_total Requests that were not refused.\n# TYPE symbolon_answered_total counter\n\
         symbolon_answered_total {}\n\
         # HELP symbolon_refused_total Requests that were refused, by the refusal's number.\n\
         # TYPE symbolon_refused_total counter\n",
        u8::from(node.writer.is_running()),
        node.counters.answered.load(Ordering::Relaxed),
    );
    for (code, count) in node.counters.refused.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        body.push_str(&format!("symbolon_refused_total{{code=\"{code}\"}} {count}\n"));
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], body).into_response()
}
