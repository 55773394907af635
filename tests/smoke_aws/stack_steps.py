"""What an application's stack does that is deployed already: the function, the schedule, the alarm, the restore."""

import datetime
import json
import secrets
import time

from botocore.config import Config

from steps import PERSON, STACK, NotAsPromised, equal, step

# The function has 15 minutes, and a call that was given up is not made again.
PATIENT = Config(read_timeout=910, retries={"total_max_attempts": 1})


def invoke(place, function: str, event: dict) -> dict:
    answer = place.application("lambda", config=PATIENT).invoke(FunctionName=f"{place.stack}-{function}", Payload=json.dumps(event).encode())
    report = json.loads(answer["Payload"].read())
    if "FunctionError" in answer or report.get("status") != "ok":
        raise NotAsPromised(f"{function} failed: {report}")
    return report


@step(STACK)
def function_backs_up(place):
    """The program that was built for provided.al2023 runs, on this processor, in this network, with its role."""
    about = place.application("lambda").get_function_configuration(FunctionName=f"{place.stack}-backup-database")
    began = time.monotonic()
    report = invoke(place, "backup-database", {})
    took = time.monotonic() - began
    place.say(f"{', '.join(about['Architectures'])}, {report['stored_bytes']:,} bytes stored in {took:.0f} s, "
              f"{'in' if about.get('VpcConfig', {}).get('SubnetIds') else 'without'} a VPC")


@step(STACK)
def function_is_in_a_vpc(place):
    """The endpoints of S3, Secrets Manager and KMS are ways enough: the backup before went through them."""
    about = place.application("lambda").get_function_configuration(FunctionName=f"{place.stack}-backup-database")
    equal("whether it has subnets", bool(about.get("VpcConfig", {}).get("SubnetIds")), True)


@step(STACK)
def schedule_says_its_time(place):
    """EventBridge Scheduler puts its own time where the template says <aws.scheduler.scheduled-time>."""
    scheduler, name = place.application("scheduler"), f"{place.stack}-backup-database"
    target = scheduler.get_schedule(Name=name)["Target"]
    at = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=2)).replace(second=0, microsecond=0)
    once = f"offsite-{place.environment}-{secrets.token_hex(3)}"
    scheduler.create_schedule(Name=once, ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})", Target=target, FlexibleTimeWindow={"Mode": "OFF"},
                              ActionAfterCompletion="DELETE", Description="make smoke-aws: runs once, and deletes itself")
    group, logs = f"/aws/lambda/{name}", place.application("logs")
    for _ in range(24):
        time.sleep(15)
        found = logs.filter_log_events(logGroupName=group, startTime=int(at.timestamp() * 1000), filterPattern=f'"{at:%Y-%m-%dT%H:%M:%SZ}"')
        if any("scheduled" in event["message"] for event in found["events"]):
            return
    raise NotAsPromised(f"no report in {group} says that it was scheduled at {at:%Y-%m-%dT%H:%M:%SZ}")


@step(STACK)
def restore_is_equal(place):
    """The restorer opens with KMS what the writer closed, in another account, and reads every row back."""
    into = f"smoke_{secrets.token_hex(4)}"
    report = invoke(place, "restore", {"kind": "database", "backup": "latest", "into": into})
    place.leaves(f"the database {into}, on the server of the stack {place.stack}: DROP DATABASE {into}")
    equal("equal", report["equal"], True)


@step(STACK, PERSON)
def stack_tells_by_mail(place):
    """An alarm of CloudWatch arrives."""
    alarms = place.application("cloudwatch")
    names = [alarm["AlarmName"] for page in alarms.get_paginator("describe_alarms").paginate() for alarm in page["MetricAlarms"]
             if alarm["AlarmName"].startswith(place.stack) and alarm["AlarmName"].endswith("BackupDatabaseFailed")]
    equal("alarms of that name", len(names), 1)
    alarms.set_alarm_state(AlarmName=names[0], StateValue="ALARM", StateReason="make smoke-aws: a test")
    place.ask(f"Within minutes, a mail must say that {names[0]} is in alarm. Has it come?")
