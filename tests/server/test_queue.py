# SPDX-License-Identifier: Apache-2.0
"""The inference queue: predictions come between, others in order; cancelling; clients that leave.

What blocks the queue is everything mode with 4,096 points; nothing waits for its end: it ends when
its client leaves.
"""
import http.client
import json
import os
import unittest

from serve_test import ServerCase, photo_bytes

LONG = {"pointsPerSide": 64, "predIouThresh": -1, "stabilityScoreThresh": -1}
DONE = 'jobs_total{kind="everything"}'
FAILED = 'jobs_failed_total{kind="everything"}'


class Queue(ServerCase):
    def setUp(self):
        super().setUp()
        self.client = self.serve()
        self.photo = self.client.encoded(photo_bytes(640, 480))

    def begin_long(self):
        """Everything mode that runs; returns its connection."""
        connection, response = self.client.send(
            "POST", f"/api/photos/{self.photo}/everything", json.dumps(LONG),
            {"Content-Type": "application/json"})
        self.addCleanup(connection.close)
        self.addCleanup(response.close)
        self.assertEqual(response.status, 200)
        return connection, response

    def leave(self, connection, response):
        response.close()
        connection.close()

    def wait_metric(self, name, value):
        while self.client.metric(name) != value:
            pass

    def first_event(self, photo):
        """(connection, response, data of the first event)"""
        connection, response = self.client.send("GET", f"/api/photos/{photo}/events")
        self.addCleanup(connection.close)
        self.addCleanup(response.close)
        self.assertEqual(response.readline(), b"event: progress\n")
        return connection, response, json.loads(response.readline()[len(b"data: "):])

    def last_event(self, response):
        block = response.read().decode().strip().split("\n\n")[-1].split("\n")
        return block[0][len("event: "):], json.loads(block[1][len("data: "):])

    def test_predictions_come_between(self):
        alone = self.client.predict(self.photo, points=[[320, 240, 1]], multimask=True)
        long = self.begin_long()
        for _ in range(3):
            amid = self.client.predict(self.photo, points=[[320, 240, 1]], multimask=True)
            self.assertEqual((amid.status, amid.body), (200, alone.body))
        self.assertEqual(self.client.metric(DONE), 0)
        self.leave(*long)

    def test_a_client_that_leaves_cancels(self):
        self.leave(*self.begin_long())
        self.wait_metric(FAILED, 1)
        waiting = [self.begin_long(), self.begin_long()]
        self.leave(*waiting[1])
        self.leave(*waiting[0])
        self.wait_metric(FAILED, 3)
        self.assertEqual(self.client.metric('jobs_waiting{queue="long"}'), 0)

    def test_the_others_wait_in_order(self):
        long = self.begin_long()
        ids = [self.client.upload(photo_bytes(20 + i, 20)).json["id"] for i in range(3)]
        for i, photo in enumerate(ids):
            reply = self.client.ask("POST", f"/api/photos/{photo}/encode")
            self.assertEqual((reply.status, reply.json), (202, {"state": "waiting"}))
        waiting = [self.first_event(photo) for photo in ids]
        self.assertEqual([data for _, _, data in waiting],
                         [{"done": 0.0, "queue": n} for n in (1, 2, 3)])
        self.assertEqual(self.client.ask("DELETE", f"/api/photos/{ids[1]}/encode").status, 204)
        name, data = self.last_event(waiting[1][1])
        self.assertEqual((name, data["code"]), ("error", "cancelled"))
        self.assertEqual(self.first_event(ids[2])[2]["queue"], 2)
        self.leave(*long)
        for i in (0, 2):
            self.assertEqual(self.last_event(waiting[i][1]), ("ready", {}))
        self.refused(self.client.predict(ids[1], points=[[1, 1, 1]]), 409, "not_encoded")
        self.assertEqual(self.client.events(ids[1])[-1][1]["code"], "cancelled")
        self.client.encode(ids[1])
        self.assertEqual(self.client.predict(ids[1], points=[[1, 1, 1]]).status, 200)

    def test_asking_twice_is_asking_once(self):
        long = self.begin_long()
        photo = self.client.upload(photo_bytes(20, 20)).json["id"]
        for _ in range(3):
            self.client.ask("POST", f"/api/photos/{photo}/encode")
        self.assertEqual(self.client.metric('jobs_waiting{queue="long"}'), 1)
        self.leave(*long)
        self.client.encode(photo)

    def test_a_photo_that_is_removed_while_it_waits(self):
        long = self.begin_long()
        photo = self.client.upload(photo_bytes(20, 20)).json["id"]
        self.client.ask("POST", f"/api/photos/{photo}/encode")
        _, response, _ = self.first_event(photo)
        self.assertEqual(self.client.ask("DELETE", f"/api/photos/{photo}").status, 204)
        self.assertEqual(self.last_event(response)[1]["code"], "cancelled")
        self.assertEqual(self.client.metric('jobs_waiting{queue="long"}'), 0)
        self.leave(*long)

    def test_a_photo_that_is_removed_while_it_is_worked_on(self):
        long = self.begin_long()
        self.assertEqual(self.client.ask("DELETE", f"/api/photos/{self.photo}").status, 204)
        self.refused(self.client.predict(self.photo, points=[[1, 1, 1]]), 404, "not_found")
        self.leave(*long)
        self.wait_metric(FAILED, 1)
        self.wait_metric("uploads", 0)

    def test_the_end_comes_amid_work(self):
        """SIGTERM while one job runs, one waits and one listens (ServerCase.stop sees the code)."""
        long = self.begin_long()
        photo = self.client.upload(photo_bytes(20, 20)).json["id"]
        self.client.ask("POST", f"/api/photos/{photo}/encode")
        _, listener, _ = self.first_event(photo)
        os.kill(self.client.process.pid, 15)
        self.assertEqual(self.client.process.wait(120), 143)
        for response in (listener, long[1]):
            try:
                text = response.read().decode()
                self.assertTrue(not text or '"error"' in text, text)
            except (OSError, http.client.HTTPException):
                pass  # cut off, which shows


if __name__ == "__main__":
    unittest.main()
