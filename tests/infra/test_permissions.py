import copy
import fnmatch
import unittest
from collections import defaultdict

import mutants
import packages
import permissions
from permissions import ACCOUNTS, FUNCTIONS, Policies, table

# What is asked for in the most favourable circumstances, to find all that is allowed.
FAVOURABLE = {
    "s3:PutObject": ["if-none-match", "part"], "s3:PutObjectRetention": ["mode=COMPLIANCE,days=100"],
    "s3:ListBucketVersions": ["prefix=production/"], "s3:ListBucket": ["prefix=production/"]}
FITTING = {
    "bucket": ["vault", "files"], "key": ["key", "secret-key"], "Secret": ["database-secret", "wrapping-keys", "other-secret"],
    "object": ["vault/production/database/x", "vault/production/files/x", "vault/production/x", "vault/staging/database/x", "vault/x", "files/x"]}
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
        # Its own account may give a role everything in that account.
        return [to for to in places if not who.endswith("*") or permissions.place(to)[0] == permissions.VAULT]

    def favourable(self, action: str, to: str) -> list:
        if to == "secret-key":
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
                     "break-glass": [row for row in self.rows if row.who == "break-glass"]}
        self.assertEqual([], self.unnoticed(concerned))

    def test_no_role_has_a_permission_to_spare(self):
        concerned = {role: [row for row in self.rows if row.who == role] for role in FUNCTIONS}
        # The vault asks for the same conditions.
        twice = ("Null s3:if-none-match", "Bool s3:ObjectCreationOperation", "StringLike s3:prefix", "StringEquals kms:EncryptionContext")
        self.assertEqual([], [what for what in self.unnoticed(concerned) if not any(f"without {words}" in what for words in twice)])

    def unnoticed(self, concerned: dict) -> list:
        """What can be taken from policies without a row of those concerned failing; all that is asked, in one call."""
        asked, simulations = [], []
        for name, rows in concerned.items():
            policy = {"bucket": self.policies.bucket, "key": self.policies.key}.get(name) or self.policies.own[name][0]
            statements = [statement for statement in policy["Statement"] if judgeable(statement)]
            for what, statement, altered in mutants.of_statements(statements):
                changed = copy.copy(self.policies)
                document = {**policy, "Statement": altered}
                if name in ("bucket", "key"):
                    setattr(changed, name, document)
                else:
                    changed.own = {**self.policies.own, name: [document]}
                # No other row can be judged differently then.
                for row in (row for row in rows if "NotAction" in statement or names(statement, row.action)):
                    asked.append((f"{name}: {what}", row))
                    simulations.append(changed.simulation(row.who, row.action, row.to, row.how))
        noticed = defaultdict(bool)
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


def judgeable(statement: dict) -> bool:
    """Whether a statement is about the services of the table."""
    return any(action.partition(":")[0] in ("s3", "kms", "secretsmanager") for action in listed(statement.get("Action") or statement["NotAction"]))


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    unittest.main()
