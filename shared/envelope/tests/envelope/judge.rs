//! The official Python SDK, many messages per process.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use envelope::EncryptionContext;
use serde_json::{Value, json};
use testing::stack::stack;

use crate::fixtures::{ESCROW_PRIVATE, ESCROW_PUBLIC, SECRET_HEX, SECRET_NAME};

/// A key of the judge's.
#[derive(Clone, Debug)]
pub enum Key {
    Secret,
    Escrow,
    Kms(String),
}

/// What the judge says of one message.
pub enum Verdict {
    /// What it wrote, and the context that it saw.
    Accepted(Vec<u8>, BTreeMap<String, String>),
    Refused(String),
}

pub struct Judge {
    folder: tempfile::TempDir,
    jobs: Vec<Value>,
}

impl Judge {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), jobs: Vec::new() }
    }

    pub fn decrypt(&mut self, message: &[u8], key: &Key) {
        self.job(json!({"act": "decrypt"}), message, std::slice::from_ref(key), ESCROW_PRIVATE);
    }

    pub fn encrypt(&mut self, plaintext: &[u8], keys: &[Key], context: &EncryptionContext, frame_length: usize) {
        let context: BTreeMap<&str, &str> = context.iter().collect();
        let job = json!({"act": "encrypt", "context": context, "frame_length": frame_length});
        self.job(job, plaintext, keys, ESCROW_PUBLIC);
    }

    fn job(&mut self, mut job: Value, input: &[u8], keys: &[Key], rsa: &str) {
        let number = self.jobs.len();
        let path = self.folder.path().join(format!("{number}.in"));
        std::fs::write(&path, input).unwrap();
        let keys = keys.iter().map(|key| match key {
            Key::Secret => json!({"kind": "secret", "name": SECRET_NAME, "key": SECRET_HEX.trim()}),
            Key::Escrow => json!({"kind": "rsa", "name": "escrow", "key": rsa}),
            Key::Kms(arn) => json!({"kind": "kms", "name": arn}),
        });
        job["keys"] = keys.collect();
        job["in"] = json!(path);
        job["out"] = json!(self.out(number));
        self.jobs.push(job);
    }

    fn out(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("{number}.out"))
    }

    /// In the order of the calls.
    pub fn verdicts(self) -> Vec<Verdict> {
        let stack = stack();
        let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judges/esdk.py");
        let mut command = Command::new(stack.python_esdk.as_ref().expect("the stack has the official SDK"));
        command.arg(judge).arg("jobs").stdin(Stdio::piped()).stdout(Stdio::piped());
        command.env("AWS_ACCESS_KEY_ID", &stack.access_key_id).env("AWS_SECRET_ACCESS_KEY", &stack.secret_access_key);
        command.env("AWS_ENDPOINT_URL", stack.aws_endpoint.as_deref().unwrap_or("http://127.0.0.1:9"));
        command.env_remove("AWS_SESSION_TOKEN").env_remove("AWS_PROFILE");
        let mut process = command.spawn().unwrap();
        let mut stdin = process.stdin.take().unwrap();
        let lines: String = self.jobs.iter().map(|job| format!("{job}\n")).collect();
        let writing = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success());
        writing.join().unwrap().unwrap();
        let answers: Vec<Value> = output
            .stdout
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(answers.len(), self.jobs.len());
        answers.into_iter().enumerate().map(|(number, answer)| self.verdict(number, &answer)).collect()
    }

    fn verdict(&self, number: usize, answer: &Value) -> Verdict {
        let out = std::fs::read(self.out(number));
        match answer.get("refused") {
            Some(refused) => {
                assert!(out.is_err(), "output of a refused message");
                Verdict::Refused(refused.as_str().unwrap().into())
            }
            None => {
                let context = serde_json::from_value(answer["context"].clone()).unwrap();
                Verdict::Accepted(out.unwrap(), context)
            }
        }
    }
}
