use lambda_runtime::Diagnostic;

/// A failed invocation. It becomes the function's error: `FunctionError` is set, retries and alarms follow.
#[derive(Debug)]
pub struct Failure(anyhow::Error);

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        // The one place where an error is logged: it goes no further than this.
        let error_message = format!("{:#}", failure.0);
        tracing::error!(error = error_message, "failed");
        Self { error_type: "Failed".into(), error_message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_says_the_whole_chain() {
        let error = anyhow::anyhow!("connection reset").context("upload part 3").context("back up shop");
        let diagnostic = Diagnostic::from(Failure::from(error));
        assert_eq!(diagnostic.error_message, "back up shop: upload part 3: connection reset");
    }
}
