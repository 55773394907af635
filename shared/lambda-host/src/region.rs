use aws_config::{Region, SdkConfig};

/// The same configuration for another Region, if one is given.
pub(crate) fn in_region(config: &SdkConfig, region: Option<&str>) -> SdkConfig {
    match region {
        Some(region) => config.to_builder().region(Region::new(region.to_owned())).build(),
        None => config.clone(),
    }
}

/// The Region that an ARN names.
pub(crate) fn region_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| !region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_region_is_taken_and_no_region_changes_nothing() {
        let config = SdkConfig::builder().region(Region::from_static("eu-central-1")).build();
        assert_eq!(in_region(&config, Some("eu-west-1")).region().map(AsRef::as_ref), Some("eu-west-1"));
        assert_eq!(in_region(&config, None).region().map(AsRef::as_ref), Some("eu-central-1"));
    }

    #[test]
    fn region_is_the_arns_own() {
        assert_eq!(region_of("arn:aws:kms:eu-west-1:111122223333:key/1234"), Some("eu-west-1"));
        assert_eq!(region_of("arn:aws:s3:::bucket"), None);
        assert_eq!(region_of("alias/backups"), None);
    }
}
