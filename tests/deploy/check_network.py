"""In a VPC, which is where databases are: what is made there, and what is left alone."""

import unittest

from check_parameters import template
from deployment import Deployment, client


class Network(unittest.TestCase):
    def setUp(self):
        self.ec2 = client("ec2")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.9.{n}.0/24")["Subnet"]["SubnetId"] for n in range(2)]
        self.table = self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]

    def deploy(self, **changed) -> Deployment:
        site = Deployment(Vpc=self.vpc, Subnets=",".join(self.subnets), RouteTables=self.table, **changed)
        self.addCleanup(site.end)
        return site.make()

    def endpoints(self) -> dict:
        found = self.ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["VpcEndpoints"]
        return {endpoint["ServiceName"].rpartition(".")[2]: endpoint for endpoint in found}

    def security_group(self, site: Deployment) -> str:
        formation = site.aws["cloudformation"]
        network = formation.describe_stack_resource(StackName=site.name, LogicalResourceId="Network")["StackResourceDetail"]["PhysicalResourceId"]
        return formation.describe_stacks(StackName=network)["Stacks"][0]["Outputs"][0]["OutputValue"]

    def policies(self, site: Deployment, function: str) -> list:
        return sorted(site.aws["iam"].list_role_policies(RoleName=f"offsite-{site.environment}-{function}")["PolicyNames"])

    def test_functions_are_in_the_subnets_with_that_security_group(self):
        # The local CloudFormation forgets where functions are. So this is what it is told.
        inside, outside = template("template.yaml")["Globals"]["Function"]["VpcConfig"]["If"][1:]
        self.assertEqual(inside, {"SubnetIds": {"Split": [",", {"Ref": "Subnets"}]}, "SecurityGroupIds": [{"GetAtt": "Network.Outputs.SecurityGroup"}]})
        self.assertEqual(outside, {"Ref": "AWS::NoValue"})
        # And whether the usual names lead to the endpoints.
        made = template("infra/network.yaml")["Resources"]
        self.assertEqual([made[name]["Properties"]["PrivateDnsEnabled"] for name in ("SecretsManager", "Kms")], [True, True])

    def test_endpoints_lead_from_the_functions_to_aws(self):
        site = self.deploy()
        inside = self.security_group(site)
        for function in ("backup-database", "backup-files", "restore"):
            # Lambda may place it there, and the program may not.
            self.assertEqual(self.policies(site, function), [function, "vpc"])
        group = self.ec2.describe_security_groups(GroupIds=[inside])["SecurityGroups"][0]
        out = sorted((rule["FromPort"], rule["ToPort"]) for rule in group["IpPermissionsEgress"] if "FromPort" in rule)
        self.assertEqual(out, sorted([(443, 443), (int(site.parameters["DatabasePort"]),) * 2]))
        self.assertEqual(group["IpPermissions"], [])
        endpoints = self.endpoints()
        self.assertEqual(set(endpoints), {"s3", "secretsmanager", "kms"})
        self.assertEqual((endpoints["s3"]["VpcEndpointType"], endpoints["s3"]["RouteTableIds"]), ("Gateway", [self.table]))
        for name in ("secretsmanager", "kms"):
            self.assertEqual(endpoints[name]["VpcEndpointType"], "Interface")
        # Which is for the functions alone.
        groups = self.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["SecurityGroups"]
        let_in = next(group for group in groups if group["Description"].startswith("Endpoints of AWS"))
        self.assertEqual([pair["GroupId"] for rule in let_in["IpPermissions"] for pair in rule["UserIdGroupPairs"]], [inside])

    def test_what_is_there_already_is_reused(self):
        group = self.ec2.create_security_group(GroupName="own", Description="own", VpcId=self.vpc)["GroupId"]
        site = self.deploy(SecurityGroup=group, S3Endpoint="reuse", SecretsManagerEndpoint="reuse", KmsEndpoint="reuse", RestoreFunction="false")
        self.assertEqual(self.security_group(site), group)
        self.assertEqual(self.endpoints(), {})
        self.assertEqual(self.policies(site, "backup-database"), ["backup-database", "vpc"])
        # And nobody can restore, for nobody was asked to.
        functions = [function["FunctionName"] for function in site.aws["lambda"].list_functions()["Functions"]]
        self.assertNotIn(f"{site.name}-restore", functions)
        with self.assertRaises(site.aws["iam"].exceptions.NoSuchEntityException):
            site.aws["iam"].get_role(RoleName=f"offsite-{site.environment}-restore")


if __name__ == "__main__":
    unittest.main()
