"""The schedule starts the backup by itself."""

import unittest

from deployment import Deployment, wait_for


class Schedule(unittest.TestCase):
    def test_schedule_fires_by_itself_and_the_backup_appears(self):
        site = Deployment(Schedule="rate(1 minute)", ScheduleState="ENABLED")
        self.addCleanup(site.end)
        site.make()
        schedule = site.aws["scheduler"].get_schedule(Name=f"{site.name}-backup-database")
        self.assertEqual(schedule["Target"]["Input"], '{"scheduled": "<aws.scheduler.scheduled-time>"}')
        self.assertIn("locked for 1 days and deleted after 3: an hourly schedule keeps 72 copies", schedule["Description"])
        wait_for("the scheduled backup", lambda: any(key.endswith("/summary.json") for key in site.stored()), 300)
        # The local AWS hands the time over as it stands in the template, which the run says, and lives with.
        notes = wait_for("the note in the log", lambda: [line["note"] for line in site.log("backup-database") if "note" in line])
        self.assertIn("<aws.scheduler.scheduled-time>", notes[0])
        # What is not due is not done: the files are backed up once a day.
        self.assertFalse([key for key in site.stored() if "/files/" in key])


if __name__ == "__main__":
    unittest.main()
