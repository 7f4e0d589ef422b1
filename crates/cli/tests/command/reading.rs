//! What reading commands print, for people and for scripts.

use super::Rig;
use serde_json::json;

#[test]
fn query_prints_one_object_per_line_with_the_promised_keys() {
    let rig = Rig::small();
    let entries = rig.on_log(&["query", "--json"]).exits(0).lines();
    assert_eq!(entries.len(), 3);
    for (position, entry) in entries.iter().enumerate() {
        assert_eq!(entry["index"], position);
        for key in [
            "entry_id",
            "timestamp",
            "event_type",
            "agent_did",
            "action",
            "outcome",
            "trace_id",
            "data",
            "agent_seq",
            "type_seq",
            "recorded_at",
            "entry_hash",
            "previous_hash",
        ] {
            assert!(entry.get(key).is_some(), "{key} is missing in {entry}");
        }
    }
    assert_eq!(entries[1]["previous_hash"], entries[0]["entry_hash"]);
    assert_eq!(entries[2]["agent_seq"], 1);
    assert!(rig.on_log(&["query", "--json"]).out.contains("\"data\":{\"n\":1.50}"));
}

#[test]
fn every_filter_narrows() {
    let rig = Rig::small();
    let count = |args: &[&str]| {
        let args = [&["query", "--count", "--json"], args].concat();
        rig.on_log(&args).exits(0).document()["count"].as_u64().unwrap()
    };
    for (args, wanted) in [
        (&[][..], 3),
        (&["--agent", "did:a"], 2),
        (&["--type", "tool_blocked"], 1),
        (&["--outcome", "denied"], 1),
        (&["--action", "allow"], 2),
        (&["--trace", "trace-1"], 3),
        (&["--trace", "trace-1", "--agent", "did:b"], 1),
        (&["--session", "s"], 0),
        (&["--target", "did:a"], 0),
        (&["--resource", "/x"], 0),
        (&["--resource-prefix", "/"], 0),
        (&["--since", "1h"], 3),
        (&["--until", "1h"], 0),
        (&["--since", "2000-01-01", "--until", "now"], 3),
        (&["--from", "1"], 2),
        (&["--to", "1"], 1),
        (&["--limit", "1"], 3),
        (&["--system"], 3),
    ] {
        assert_eq!(count(args), wanted, "{args:?}");
    }
}

#[test]
fn counts_are_documents_and_tables() {
    let rig = Rig::small();
    let by = ["query", "--count", "--by", "event_type"];
    let ran = rig.on_log(&[&by[..], &["--json"]].concat()).exits(0);
    assert_eq!(ran.document(), json!({"counts": {"tool_invocation": 2, "tool_blocked": 1}}));
    assert!(ran.out.find("tool_invocation") < ran.out.find("tool_blocked"), "{}", ran.out);
    assert_eq!(rig.on_log(&by).exits(0).out.lines().count(), 3);
    assert_eq!(rig.on_log(&["query", "--count"]).exits(0).out, "3\n");
    let outcome = rig.on_log(&["query", "--by", "outcome", "--json"]).exits(0).document();
    assert_eq!(outcome["counts"]["denied"], 1);
}

#[test]
fn pages_follow_each_other_by_cursor() {
    let rig = Rig::small();
    let page = |args: &[&str]| {
        let args = [&["query", "--limit", "2", "--order", "newest", "--json"], args].concat();
        rig.on_log(&args).exits(0)
    };
    let first = page(&[]);
    assert_eq!(
        first.lines().iter().map(|e| e["index"].as_u64()).collect::<Vec<_>>(),
        [2, 1].map(Some)
    );
    assert!(first.err.contains("showing 2 of 3"), "{}", first.err);
    let cursor = first.err.split_whitespace().last().unwrap().to_owned();
    assert_eq!(page(&["--cursor", &cursor]).document()["index"], 0);
    rig.on_log(&["query", "--order", "oldest", "--cursor", &cursor]).exits(2);
}

#[test]
fn explain_talks_on_stderr_only() {
    let ran = Rig::small().on_log(&["query", "--agent", "did:a", "--explain", "--json"]).exits(0);
    assert!(ran.err.starts_with("plan: agent postings"), "{}", ran.err);
    assert_eq!(ran.lines().len(), 2);
}

#[test]
fn get_finds_by_index_and_by_id() {
    let rig = Rig::small();
    let by_index = rig.on_log(&["get", "1", "--json"]).exits(0).document();
    let id = by_index["entry_id"].as_str().unwrap();
    assert_eq!(rig.on_log(&["get", id, "--json"]).exits(0).document(), by_index);
    let shown = rig.on_log(&["get", "1"]).exits(0).out;
    assert!(shown.contains("did:b") && shown.contains(by_index["entry_hash"].as_str().unwrap()));
}

#[test]
fn tail_begins_at_the_end_or_where_it_is_told() {
    let rig = Rig::small();
    let indices = |args: &[&str]| {
        let ran = rig.on_log(&[&["tail", "--json"], args].concat()).exits(0);
        ran.lines().iter().map(|entry| entry["index"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(indices(&["-n", "2"]), [1, 2]);
    assert_eq!(indices(&["--from", "1"]), [1, 2]);
    assert_eq!(indices(&["--agent", "did:b"]), [1]);
    assert!(indices(&["-n", "0"]).is_empty() && indices(&["--from", "9"]).is_empty());
}

#[test]
fn stats_and_segments_add_up() {
    let rig = Rig::small();
    let stats = rig.on_log(&["stats", "--json"]).exits(0).document();
    assert_eq!((&stats["entries"], &stats["origin"]), (&3.into(), &"test.example/log".into()));
    let segments = rig.on_log(&["segments", "--json"]).exits(0).document();
    let segments = segments["segments"].as_array().unwrap();
    let counts = segments.iter().map(|segment| segment["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 3);
    assert!(rig.on_log(&["stats"]).exits(0).out.contains("by agent (2)"));
    assert!(rig.on_log(&["segments"]).exits(0).out.contains("growing"));
}

#[test]
fn an_export_is_complete_and_lands_whole_in_its_file() {
    let rig = Rig::small();
    let streamed = rig.on_log(&["export"]).exits(0);
    assert_eq!(streamed.lines().len(), 3);
    rig.on_log(&["export", "-o", "all.jsonl"]).exits(0);
    assert_eq!(std::fs::read_to_string(rig.path("all.jsonl")).unwrap(), streamed.out);
    rig.on_log(&["export", "-o", "all.jsonl"]).exits(2);
    let args =
        ["export", "-o", "all.jsonl", "--force", "--verifiable", "--agent", "did:b", "--json"];
    let document = rig.on_log(&args).exits(0).document();
    assert_eq!((&document["entries"], &document["size"]), (&1.into(), &3.into()));
    let text = std::fs::read_to_string(rig.path("all.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "head, entry, end: {text}");
    let line: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    for key in ["header", "meta", "data_text", "salts"] {
        assert!(line.get(key).is_some(), "{key} is missing in {line}");
    }
    assert_eq!(document["bytes"], text.len());
}

#[test]
fn repair_has_nothing_to_do_on_a_healthy_log_and_says_first_what_it_would_do() {
    let rig = Rig::small();
    let healthy = rig.on_log(&["repair", "--json"]).exits(0).document();
    assert_eq!((&healthy["actions"], &healthy["dry_run"]), (&json!([]), &true.into()));
    // Side files belong to sealed segments: entries that fill the smallest segment more than once.
    let writer =
        witnessmark::AuditLog::options(rig.path("big")).segment_bytes(64 << 10).open().unwrap();
    for _ in 0..4 {
        let entry = witnessmark::Entry::new("t", "did:a", "allow").data(&"x".repeat(30_000));
        let _ = writer.append(entry).unwrap();
    }
    writer.close().unwrap();
    let side = std::fs::read_dir(rig.path("big")).unwrap().map(|entry| entry.unwrap().path());
    let side =
        side.into_iter().find(|path| path.extension().is_some_and(|e| e == "index")).unwrap();
    std::fs::remove_file(&side).unwrap();
    let planned = rig.run(&["-C", "big", "repair"]).exits(0);
    assert!(planned.out.starts_with("would") && planned.err.contains("--yes"), "{}", planned.out);
    assert!(!side.exists());
    rig.run(&["-C", "big", "repair", "--yes"]).exits(0);
    assert!(side.exists());
    rig.run(&["-C", "nowhere", "repair"]).exits(10);
}

#[test]
fn where_an_agent_runs_is_taken_from_the_environment() {
    let rig = Rig::small();
    let flags = ["-C", "log", "append", "--type", "t", "--agent", "did:a", "--action", "allow"];
    let mut command = rig.command(&flags);
    command.env("AGT_ENVIRONMENT", "staging").env("SANDBOX_ID", "box-7");
    super::finished(command.output().unwrap()).exits(0);
    let entry = rig.on_log(&["get", "3", "--json"]).exits(0).document();
    assert_eq!((&entry["environment"], &entry["sandbox_id"]), (&"staging".into(), &"box-7".into()));
    assert!(rig.on_log(&["get", "2", "--json"]).exits(0).document()["environment"].is_null());
}
