//! The programs of `docs/format/envelope.md`, as someone would run them who has the page, a key and nothing else.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use envelope::{KmsRecipient, Recipients, encrypt_to_vec};
use testing::stack::stack;

use crate::fixtures::{ESCROW_PRIVATE, FRAME, SECRET_HEX, SECRET_NAME, context, escrow, plaintext, secret};
use crate::kms::{client, create_key};

/// The Python programs in their order: with the official SDK, and with bare cryptography.
fn programs() -> Vec<String> {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format/envelope.md")).unwrap();
    let programs = page.split("```python\n").skip(1);
    programs.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

fn run(folder: &Path, program: &str, kind: &str, name: &str, key: &str) -> Output {
    let stack = stack();
    std::fs::write(folder.join("program.py"), program).unwrap();
    std::fs::write(folder.join("key"), key).unwrap();
    let mut command = Command::new(stack.python_esdk.as_ref().expect("the stack has the official SDK"));
    command.current_dir(folder).args(["program.py", kind, name, "message", "plaintext"]);
    command.stdin(Stdio::from(std::fs::File::open(folder.join("key")).unwrap()));
    command.env("AWS_ACCESS_KEY_ID", &stack.access_key_id).env("AWS_SECRET_ACCESS_KEY", &stack.secret_access_key);
    command.env("AWS_ENDPOINT_URL", stack.aws_endpoint.as_deref().unwrap());
    command.output().unwrap()
}

#[tokio::test]
async fn programs_of_the_page_decrypt_for_every_kind_and_refuse_what_was_cut_off() {
    let arn = create_key().await;
    let recipients = Recipients::new().kms(KmsRecipient::new(client(), &arn)).rsa(escrow()).secret(secret());
    let programs = programs();
    let [official, alone] = programs.as_slice() else { panic!("{} programs", programs.len()) };
    let expected = plaintext(2 * FRAME + 9);
    let message = encrypt_to_vec(&expected, &recipients, context()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("plaintext");
    for (program, kind, name, key) in [
        (official, "kms", arn.as_str(), ""),
        (official, "rsa", "escrow", ESCROW_PRIVATE),
        (official, "secret", SECRET_NAME, SECRET_HEX),
        (alone, "rsa", "escrow", ESCROW_PRIVATE),
        (alone, "secret", SECRET_NAME, SECRET_HEX),
    ] {
        std::fs::write(folder.path().join("message"), &message).unwrap();
        let output = run(folder.path(), program, kind, name, key);
        let says = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{kind}: {says}");
        assert!(std::fs::read(&out).unwrap() == expected, "{kind}");
        std::fs::remove_file(&out).unwrap();

        std::fs::write(folder.path().join("message"), &message[..message.len() - 49]).unwrap();
        assert!(!run(folder.path(), program, kind, name, key).status.success(), "{kind}: without its final frame");
        assert!(!out.exists(), "{kind}: output of a message that was cut off");
    }
}
