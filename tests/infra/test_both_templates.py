"""What the templates of the vault and of the application must agree on."""

import unittest

import deployment
from deployment import DATABASE_SECRET, DEPLOYER, application, template


def lock_days(stack) -> set:
    """What the functions are told."""
    found = [function["Environment"]["Variables"]["OFFSITE_LOCK_DAYS"] for function in stack.resources("AWS::Lambda::Function").values()]
    assert len(found) == 3
    return set(found)


def login(stack, function: str) -> tuple:
    """The secret, the role and the host by which a function reaches the database."""
    variables = stack.resources("AWS::Lambda::Function")[function]["Environment"]["Variables"]
    return tuple(variables.get(f"OFFSITE_DATABASE_{name}") for name in ("SECRET", "USER", "HOST"))


class BothTemplates(unittest.TestCase):
    def test_restore_logs_in_as_the_backup_does_unless_it_has_a_secret_and_a_host_of_its_own(self):
        own = {"RestoreSecret": "arn:aws:secretsmanager:eu-west-1:111111111111:secret:master", "RestoreHost": "new.example.com"}
        iam = {"DatabaseSecret": "", "DatabaseUser": "offsite", "DatabaseHost": "old.example.com", "DatabaseName": "shop"}
        by_secret, by_iam = (DATABASE_SECRET, None, None), (None, "offsite", "old.example.com")
        apart = (own["RestoreSecret"], None, "new.example.com")
        for given, backup, restore in (({}, by_secret, by_secret), (own, by_secret, apart), (iam, by_iam, by_iam), ({**iam, **own}, by_iam, apart)):
            stack = application(given)
            self.assertEqual((backup, restore), (login(stack, "BackupDatabase"), login(stack, "Restore")), given)

    def test_both_offer_the_same_choices_of_the_lock(self):
        vault, functions = (template(name)["Parameters"]["LockDays"]["AllowedValues"] for name in ("infra/vault.yaml", "template.yaml"))
        self.assertEqual(vault, functions)

    def test_the_functions_ask_for_the_days_that_the_vault_is_given(self):
        for days in template("infra/vault.yaml")["Parameters"]["LockDays"]["AllowedValues"]:
            self.assertEqual({days}, lock_days(application({"LockDays": days})))

    def test_the_functions_of_a_trial_ask_for_the_days_of_the_trials_vault(self):
        for days in ({}, {"LockDays": "90"}):
            trial = application({"VaultBucket": "", "VaultOwner": "", "KmsKey": "", "DeployingRole": DEPLOYER, **days})
            made = trial.child("Vault").resources()["Vault"]["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Days"]
            self.assertEqual({made}, lock_days(trial))

    def test_the_roles_of_the_functions_have_the_names_that_the_vault_knows(self):
        roles = application().child("Roles")
        for role in ("backup-database", "backup-files", "restore"):
            self.assertTrue(deployment.role_policies(roles, role))


if __name__ == "__main__":
    unittest.main()
