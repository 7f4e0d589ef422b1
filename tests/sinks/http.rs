//! The HTTP sink against a collector that refuses, stalls and comes back.

use super::collector::{Collector, Request};
use super::{LONG, fill, quick};
use serde_json::Value;
use std::time::Duration;
use witnessmark::sink::{AuditSink, HttpSink, Secret, SinkRunner};
use witnessmark::{AuditLog, ErrorKind};

const TIMEOUT: Duration = Duration::from_millis(500);

fn events(request: &Request) -> Vec<Value> {
    serde_json::from_str(&request.body).unwrap()
}

fn ok() -> String {
    "204 No Content".to_owned()
}

#[test]
fn batches_of_cloudevents_arrive_with_the_header_from_the_file() {
    let collector = Collector::new(|_| ok());
    let log = AuditLog::in_memory().unwrap();
    fill(&log, 25);
    let token = Secret::new(*b"Bearer hush").unwrap();
    let sink = HttpSink::new(&collector.url(), Some(token), TIMEOUT).unwrap();
    assert!(!format!("{sink:?}").contains("hush"));
    let runner = SinkRunner::start(&log, "http", sink, quick().batch_entries(10)).unwrap();
    assert_eq!(runner.close(LONG).undelivered, 0);
    let requests = collector.requests();
    assert_eq!(requests.iter().map(|r| events(r).len()).collect::<Vec<_>>(), [10, 10, 5]);
    let head = &requests[0].head;
    assert!(head.starts_with("post /events http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/cloudevents-batch+json\r\n"), "{head}");
    assert!(head.contains("authorization: bearer hush\r\n"), "{head}");
    let event = &events(&requests[2])[4];
    let entry = log.entry(24.into()).unwrap();
    assert_eq!((&event["specversion"], &event["id"]), (&"1.0".into(), &entry.entry_id().into()));
    assert!(event["source"].is_string() && event["type"].is_string(), "{event}");
}

#[test]
fn a_collector_that_fails_stalls_or_asks_for_patience_gets_everything_in_the_end() {
    let mut count = 0;
    let collector = Collector::new(move |_| {
        count += 1;
        match count {
            1 => "500 Oops".to_owned(),
            2 => "429 Slowly\r\nretry-after: 1".to_owned(),
            3 => {
                // Longer than the sink waits.
                std::thread::sleep(TIMEOUT + Duration::from_millis(300));
                ok()
            }
            4 => String::new(),
            _ => ok(),
        }
    });
    let log = AuditLog::in_memory().unwrap();
    fill(&log, 4);
    let sink = HttpSink::new(&collector.url(), None, TIMEOUT).unwrap();
    let begin = std::time::Instant::now();
    let runner = SinkRunner::start(&log, "http", sink, quick().tries(2)).unwrap();
    assert!(runner.wait_for(4, LONG), "{:?}", runner.status());
    assert!(begin.elapsed() >= Duration::from_secs(1), "it was asked to wait a second");
    let ended = runner.close(LONG);
    assert_eq!((ended.status.dead_letters, ended.status.delivered), (0, 4));
    let requests = collector.requests();
    assert_eq!(requests.len(), 5);
    assert_eq!(events(&requests[4]), events(&requests[0]), "the same entries, once more");
}

#[test]
fn a_batch_that_is_too_large_is_halved_and_one_bad_entry_is_set_aside() {
    let collector = Collector::new(|request| {
        let events = events(request);
        match () {
            () if events.len() > 3 => "413 Too Large".to_owned(),
            () if request.body.contains("/r/5") => "422 No".to_owned(),
            () => ok(),
        }
    });
    let log = AuditLog::in_memory().unwrap();
    fill(&log, 12);
    let sink = HttpSink::new(&collector.url(), None, TIMEOUT).unwrap();
    let ended = SinkRunner::start(&log, "http", sink, quick().tries(2)).unwrap().close(LONG);
    assert_eq!((ended.undelivered, ended.status.dead_letters), (0, 1));
    let mut ids: Vec<String> = collector
        .requests()
        .iter()
        .filter(|r| events(r).len() <= 3 && !r.body.contains("/r/5"))
        .flat_map(events)
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 11);
}

#[test]
fn wrong_addresses_and_wrong_tokens_are_told() {
    for bad in ["", "ftp://h/", "http://", "http://user:pw@h/", "http://h/a b", "h:80"] {
        let error = HttpSink::new(bad, None, TIMEOUT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
        assert!(!error.to_string().contains("pw"), "{error}");
    }
    let collector = Collector::new(|_| "401 Who".to_owned());
    let log = AuditLog::in_memory().unwrap();
    fill(&log, 1);
    let mut sink = HttpSink::new(&collector.url(), None, TIMEOUT).unwrap();
    let error = sink.write(&log.entry(0.into()).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
}
