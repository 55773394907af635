"""What CloudFormation makes of a template: parameters filled in, conditions decided, references resolved."""

import json
import re
from pathlib import Path

import packages

packages.python()

from cfnlint.decode import cfn_yaml  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

NO_VALUE = object()


class Unresolved(Exception):
    """Something in the template that this reader doesn't know, so that nothing is guessed."""


def read(path: Path) -> dict:
    """The template as plain data, with short forms such as `!Ref` written out."""
    return json.loads(json.dumps(cfn_yaml.load(str(path))))


def without_sam(template: dict, parameters: dict) -> dict:
    """The template with its serverless resources turned into plain ones, roles included, by AWS's own translator.

    It fills some parameters in already.
    """

    class NoManagedPolicies:
        def load(self):
            return {}

    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    return transform(template, dict(parameters), NoManagedPolicies())


class Stack:
    """A template, deployed on paper."""

    def __init__(self, template: dict, parameters: dict, account: str, region: str, *, names: dict = None, nested=None):
        """`names`: what `Ref NAME` and `GetAtt NAME.ATTRIBUTE` give, by `NAME` and `NAME.ATTRIBUTE`, where it matters.

        `nested` makes the stack of a nested template, given the stack that has it, the logical name, the template's path and its parameters.
        """
        self.template, self.account, self.region = template, account, region
        self.nested, self.children = nested, {}
        self.values = {
            "AWS::AccountId": account, "AWS::Region": region, "AWS::Partition": "aws", "AWS::StackName": "offsite",
            "AWS::URLSuffix": "amazonaws.com", "AWS::StackId": f"arn:aws:cloudformation:{region}:{account}:stack/offsite/1",
            "AWS::NoValue": NO_VALUE, **(names or {})}
        declared = template.get("Parameters", {})
        for name in parameters:
            if name not in declared:
                raise Unresolved(f"the template has no parameter {name}")
        for name, parameter in declared.items():
            if name not in parameters and "Default" not in parameter:
                raise Unresolved(f"the parameter {name} has no value")
            self.values[name] = str(parameters.get(name, parameter.get("Default")))
            allowed = parameter.get("AllowedValues")
            if allowed and self.values[name] not in map(str, allowed):
                raise Unresolved(f"the parameter {name} may not be {self.values[name]}")
            if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], self.values[name]):
                raise Unresolved(f"the parameter {name} may not be {self.values[name]}")

    def resources(self, kind: str = None) -> dict:
        """The resources that are made, by their logical names, their properties resolved; only of one type if `kind` says so."""
        return {name: self.resolve(resource.get("Properties", {})) for name, resource in self.template["Resources"].items()
                if kind in (None, resource["Type"]) and ("Condition" not in resource or self.condition(resource["Condition"]))}

    def condition(self, name: str) -> bool:
        return self.resolve(self.template["Conditions"][name])

    def resolve(self, node):
        if isinstance(node, list):
            return [value for value in map(self.resolve, node) if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, argument), = node.items()
            if name == "Ref":
                return self.value(argument)
            if name == "Condition" and isinstance(argument, str):
                return self.condition(argument)
            if name.startswith("Fn::"):
                return self.function(name[4:], argument)
        resolved = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NO_VALUE}

    def value(self, name: str):
        if name in self.values:
            return self.values[name]
        logical, _, attribute = name.partition(".")
        if logical not in self.template["Resources"]:
            raise Unresolved(f"nothing is known of {name}")
        if attribute.startswith("Outputs."):
            return self.child(logical).output(attribute.partition(".")[2])
        # Only that there is one matters.
        return f"arn:aws:made:{self.region}:{self.account}:{logical}" if attribute == "Arn" else f"made-{name}"

    def output(self, name: str):
        return self.resolve(self.template["Outputs"][name]["Value"])

    def child(self, name: str) -> "Stack":
        """The stack of a nested template."""
        if name not in self.children:
            properties = self.resolve(self.template["Resources"][name]["Properties"])
            self.children[name] = self.nested(self, name, properties["TemplateURL"], properties.get("Parameters", {}))
        return self.children[name]

    def function(self, name: str, argument):
        if name == "If":
            return self.resolve(argument[1] if self.condition(argument[0]) else argument[2])
        if name == "GetAtt":
            return self.value(argument if isinstance(argument, str) else ".".join(argument))
        if name == "Sub":
            text, more = argument if isinstance(argument, list) else (argument, {})
            more = self.resolve(more)
            return re.sub(r"\$\{([^!}][^}]*)\}", lambda found: str(more.get(found[1]) or self.value(found[1])), text)
        known = {
            "Equals": lambda left, right: str(left) == str(right),
            "Not": lambda value: not value,
            "And": lambda *values: all(values),
            "Or": lambda *values: any(values),
            "Join": lambda separator, parts: separator.join(map(str, parts)),
            "Split": lambda separator, text: text.split(separator),
            "Select": lambda index, parts: parts[int(index)],
            "FindInMap": lambda *keys: self.mapped(*keys),
        }
        if name not in known:
            raise Unresolved(f"this reader does not know Fn::{name}")
        resolved = self.resolve(argument)
        return known[name](*(resolved if isinstance(resolved, list) else [resolved]))

    def mapped(self, name: str, *keys):
        found = self.template["Mappings"][name]
        for key in keys:
            found = found[key]
        return found
