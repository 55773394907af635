"""What cannot work is refused before anything is made, with a sentence."""

import unittest
from pathlib import Path

import yaml

from deployment import Deployment, Refused

CHECKOUT = Path(__file__).resolve().parents[2]

REFUSED = {
    "nobody could read the backups": ({"KmsKey": "", "WrappingKeysSecret": ""}, "Nobody could read the backups. Give KmsKey"),
    "no escrow, and not said so": ({"WithoutEscrow": "false"}, "There is no RSA recipient. Give RsaRecipients, or say so"),
    "nobody would be told": ({"AlarmEmail": ""}, "Nobody would be told of a failure. Give AlarmEmail or AlarmTopic."),
    "nobody logs in": ({"DatabaseSecret": ""}, "Nobody could log in to the database. Give DatabaseSecret, or DatabaseUser"),
    "two logins": ({"DatabaseUser": "offsite"}, "There are two logins."),
    "login without host": ({"DatabaseSecret": "", "DatabaseUser": "offsite", "DatabaseHost": ""}, "Give DatabaseHost and DatabaseName."),
    "no vault": ({"VaultBucket": ""}, "There is no vault. Give VaultBucket"),
    "two vaults": ({"DeployingRole": "arn:aws:iam::000000000000:role/me"}, "There are two vaults."),
    "VPC without subnets": ({"Vpc": "vpc-0a", "RouteTables": "rtb-0a"}, "Functions in a VPC need subnets. Give Subnets."),
    "VPC without route tables": ({"Vpc": "vpc-0a", "Subnets": "subnet-0a,subnet-0b"}, "The endpoint of S3 needs route tables."),
    "subnets without VPC": ({"Subnets": "subnet-0a,subnet-0b"}, "belong to a VPC. Give Vpc."),
    "lock of days that no vault has": ({"LockDays": "30"}, "LockDays"),
    "malformed subnets": ({"Vpc": "vpc-0a", "Subnets": "subnet-0a subnet-0b"}, "Subnets"),
}


class Tagged(yaml.SafeLoader):
    """YAML with CloudFormation's tags."""


def tagged(loader, suffix, node):
    kind = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence, yaml.MappingNode: loader.construct_mapping}
    return {suffix: kind[type(node)](node) if isinstance(node, yaml.ScalarNode) else kind[type(node)](node, deep=True)}


Tagged.add_multi_constructor("!", tagged)


def template(name: str) -> dict:
    return yaml.load((CHECKOUT / name).read_text(), Tagged)


class Parameters(unittest.TestCase):
    def test_what_cannot_work_is_refused_with_a_sentence(self):
        site = Deployment()
        self.addCleanup(site.end)
        parameters = site.make_source()
        for what, (changed, sentence) in REFUSED.items():
            with self.subTest(what):
                with self.assertRaises(Refused) as refused:
                    site.deploy({**parameters, **changed})
                self.assertIn(sentence, " ".join(str(refused.exception).split()))
                functions = site.aws["lambda"].list_functions()["Functions"]
                self.assertFalse([f for f in functions if f["FunctionName"].startswith(site.name)], "something was made")

    def test_every_parameter_is_described_and_in_a_group(self):
        main = template("template.yaml")
        groups = main["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        grouped = [name for group in groups for name in group["Parameters"]]
        self.assertEqual(sorted(grouped), sorted(main["Parameters"]))
        for file in ("template.yaml", "infra/alarms.yaml", "infra/network.yaml", "infra/roles.yaml", "infra/verify.yaml"):
            for name, parameter in template(file)["Parameters"].items():
                self.assertTrue(parameter.get("Description", "").endswith("."), f"{file}: {name}")

    def test_days_of_the_lock_and_what_is_kept_are_the_vaults(self):
        main, vault = template("template.yaml"), template("infra/vault.yaml")
        self.assertEqual(main["Parameters"]["LockDays"]["AllowedValues"], vault["Parameters"]["LockDays"]["AllowedValues"])
        for days, expiry in vault["Mappings"]["Expiry"].items():
            # A version is deleted a day after it has become noncurrent.
            kept = expiry["Current"] + 1
            self.assertEqual(main["Mappings"]["Kept"][days], {"Days": kept, "Hourly": 24 * kept})


if __name__ == "__main__":
    unittest.main()
