import copy
import fnmatch
import unittest

import mutants
import packages
import permissions
from permissions import ACCOUNTS, ROLES, WATCHERS, Policies, Row, table

# What is asked for in the most favourable circumstances, to find all that is allowed.
FAVOURABLE = {
    "s3:PutObject": ["if-none-match", "part"], "s3:PutObjectRetention": ["mode=COMPLIANCE,days=100"],
    "s3:ListBucketVersions": ["prefix=production/"], "s3:ListBucket": ["prefix=production/"]}
FITTING = {
    "bucket": ["vault", "files", "older"], "key": ["key", "secret-key", "restore-key", "drill-key"],
    "Secret": ["database-secret", "restore-secret", "wrapping-keys", "older-passwords", "other-secret", "drill-secret"], "db-user": ["login/offsite"],
    "function": ["function-backup-database", "function-backup-files", "function-restore", "function-verify", "function-drill"], "topic": ["topic", "vault-topic"], "queue": ["queue"],
    "log-stream": [*(f"log/offsite-{name}:log-stream:x" for name in ("backup-database", "backup-files", "restore", "other")),
                   "vault-log/offsite-production-verify:log-stream:x", "vault-log/offsite-production-drill:log-stream:x"],
    "log-group": [*(f"log/offsite-{name}" for name in ("backup-database", "backup-files", "restore")), "vault-log/offsite-production-verify", "vault-log/offsite-production-drill"],
    "network-interface": ["network/eni-1", "vault-network/eni-1"],
    "object": ["vault/production/database/x", "vault/production/files/x", "vault/production/x", "vault/production/drills/restore/x",
               "vault/production/drills/recovery/x", "vault/staging/database/x", "vault/x", "files/x", "older/x"]}
CHANGING = ("Write", "Permissions management", "Tagging")


def judged(policies: Policies, rows: list) -> list:
    """The rows that do not hold."""
    simulations = [policies.simulation(row.who, row.action, row.to, row.how) for row in rows]
    allowed, _ = permissions.ask(packages.node(), simulations)
    return [row for row, may in zip(rows, allowed, strict=True) if row.may != may]


def names(statement: dict, action: str) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in listed(statement.get("Action", [])))


def allows_somewhere(policy, action: str) -> bool:
    """Whether a policy allows an action on something, to somebody."""
    return any(statement["Effect"] == "Allow" and names(statement, action) for statement in (policy or {}).get("Statement", []))


class Permissions(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.policies, cls.rows = Policies(), table()

    def test_every_row_of_the_table_holds(self):
        self.assertEqual([], [str(row) for row in judged(self.policies, self.rows)])

    def test_nothing_is_in_the_table_twice(self):
        asked = [(row.who, row.action, row.to, row.how) for row in self.rows]
        self.assertEqual([], sorted({row for row in asked if asked.count(row) > 1}))

    def test_nothing_is_allowed_that_the_table_does_not_allow(self):
        _, actions = permissions.ask(packages.node(), [])
        asked = []
        for who in sorted({row.who for row in self.rows}):
            for action, facts in actions.items():
                administers = who.endswith("*") and ACCOUNTS[who.rstrip("*")] == permissions.VAULT
                if not (administers and facts["level"] not in CHANGING):
                    asked += [(who, action, to, how) for to in self.fitting(who, facts) for how in self.favourable(action, to)
                              if self.could_be_allowed(who, action, to)]
        simulations = [self.policies.simulation(*request) for request in asked]
        answers, _ = permissions.ask(packages.node(), simulations, some_ignored=True)
        allowed = {request[:3] for request, may in zip(asked, answers, strict=True) if may}
        known = {(row.who, row.action, row.to) for row in self.rows if row.may}
        patterns = table(patterns=True)
        self.assertEqual([], sorted(" ".join(request) for request in allowed - known if not any(
            request[0] == row.who and fnmatch.fnmatchcase(request[1], row.action) and request[2] == row.to for row in patterns)))

    def fitting(self, who: str, facts: dict) -> list:
        if not facts["resources"]:
            return [] if who.endswith("*") else ["*"]
        places = [to for kind in facts["resources"] for to in FITTING.get(kind, [])]
        # Its own account may give a role everything in that account, but what the vault's own policies refuse.
        return [to for to in places if not who.endswith("*") or to != "drill-key" and self.policies.of_resource(to) and permissions.place(to)[0] == permissions.VAULT]

    def favourable(self, action: str, to: str) -> list:
        if to in ("secret-key", "restore-key", "drill-key"):
            return ["environment=production,via=secretsmanager"]
        if action.startswith("kms:"):
            return ["environment=production"]
        return FAVOURABLE.get(action, ["-"])

    def could_be_allowed(self, who: str, action: str, to: str) -> bool:
        """Leaves out what is plainly refused, because asking takes its time."""
        own = who.endswith("*") or any(allows_somewhere(policy, action) for policy in self.policies.own[who])
        account = ACCOUNTS[who.rstrip("*")]
        if to == "*" or permissions.place(to)[0] == account:
            return own or allows_somewhere(self.policies.of_resource(to), action)
        return own and allows_somewhere(self.policies.of_resource(to), action)

    def test_whatever_is_missing_in_the_vaults_policies_is_noticed(self):
        concerned = {"bucket": [row for row in self.rows if row.to.startswith("vault")], "key": [row for row in self.rows if row.to == "key"],
                     **{role: [row for row in self.rows if row.who == role] for role in ("break-glass", "recovery")}}
        self.assertEqual([], self.unnoticed(self.policies, concerned))

    def test_no_role_has_a_permission_to_spare(self):
        concerned = {role: [row for row in self.rows if row.who == role] for role in (*ROLES, *WATCHERS)}
        # The vault asks for the same conditions.
        twice = ("Null s3:if-none-match", "Bool s3:ObjectCreationOperation", "StringLike s3:prefix", "StringEquals kms:EncryptionContext")
        self.assertEqual([], [what for what in self.unnoticed(self.policies, concerned) if not any(f"without {words}" in what for words in twice)])

    def test_login_by_iam_is_allowed_as_that_role_of_the_database_and_without_a_secret(self):
        login = Policies(application={"DatabaseSecret": "", "DatabaseSecretKey": "", "RestoreSecret": "", "RestoreSecretKey": "", "DatabaseUser": "offsite"})
        rows = [Row(who, action, to, "-", may) for who in ("backup-database", "restore") for action, to, may in (
            ("rds-db:connect", "login/offsite", True), ("rds-db:connect", "login/postgres", False),
            ("secretsmanager:GetSecretValue", "database-secret", False), ("secretsmanager:GetSecretValue", "wrapping-keys", True))]
        self.assertEqual([], [str(row) for row in judged(login, rows)])
        concerned = {role: [row for row in rows if row.who == role] for role in ("backup-database", "restore")}
        unnoticed = [what for what in self.unnoticed(login, concerned) if "ConnectToDatabase" in what]
        self.assertEqual([], unnoticed)

    def test_restore_without_a_secret_of_its_own_reads_the_backups(self):
        shared = Policies(application={"RestoreSecret": "", "RestoreSecretKey": ""})
        rows = [Row("restore", "secretsmanager:GetSecretValue", "database-secret", "-", True),
                Row("restore", "secretsmanager:GetSecretValue", "restore-secret", "-", False),
                Row("restore", "kms:Decrypt", "secret-key", "via=secretsmanager", True),
                Row("restore", "kms:Decrypt", "restore-key", "via=secretsmanager", False)]
        self.assertEqual([], [str(row) for row in judged(shared, rows)])

    def test_restore_with_a_secret_of_its_own_does_not_connect_as_the_backup_does(self):
        apart = Policies(application={"DatabaseSecret": "", "DatabaseSecretKey": "", "DatabaseUser": "offsite"})
        rows = [Row("backup-database", "rds-db:connect", "login/offsite", "-", True), Row("restore", "rds-db:connect", "login/offsite", "-", False),
                Row("restore", "secretsmanager:GetSecretValue", "restore-secret", "-", True)]
        self.assertEqual([], [str(row) for row in judged(apart, rows)])

    def unnoticed(self, policies: Policies, concerned: dict) -> list:
        """What can be taken from policies without a row of those concerned failing; all that is asked, in one call."""
        asked, simulations, noticed = [], [], {}
        for name, rows in concerned.items():
            of_resource = {"bucket": policies.bucket, "key": policies.key}.get(name)
            statements = [statement for policy in ([of_resource] if of_resource else policies.own[name]) for statement in policy["Statement"]]
            for what, statement, altered in mutants.of_statements(statements):
                changed = copy.copy(policies)
                document = {"Version": "2012-10-17", "Statement": altered}
                if of_resource:
                    setattr(changed, name, document)
                else:
                    changed.own = {**policies.own, name: [document]}
                # A permission of which no row speaks is to spare, too.
                noticed[f"{name}: {what}"] = False
                # No other row can be judged differently then.
                for row in (row for row in rows if "NotAction" in statement or names(statement, row.action)):
                    asked.append((f"{name}: {what}", row))
                    simulations.append(changed.simulation(row.who, row.action, row.to, row.how))
        answers, _ = permissions.ask(packages.node(), simulations)
        for (what, row), may in zip(asked, answers, strict=True):
            noticed[what] |= row.may != may
        return [what for what, seen in noticed.items() if not seen]

    def test_a_vault_that_does_not_accept_backups_lets_no_writer_in(self):
        shut = Policies(vault={"AcceptBackups": "false"})
        writes = [row for row in self.rows if row.may and row.who.startswith("backup-") and row.to.startswith("vault")]
        self.assertEqual(writes, judged(shut, writes))
        others = [row for row in self.rows if not row.who.startswith("backup-")]
        self.assertEqual([], judged(shut, others))

    def test_a_vault_that_does_not_allow_restores_lets_no_reader_of_the_application_in(self):
        shut = Policies(vault={"AllowRestore": "false"})
        reads = [row for row in self.rows if row.may and row.who.startswith("restore") and row.to.startswith("vault")]
        self.assertEqual(reads, judged(shut, reads))
        others = [row for row in self.rows if not row.who.startswith("restore")]
        self.assertEqual([], judged(shut, others))


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    unittest.main()
