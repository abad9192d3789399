# SPDX-License-Identifier: Apache-2.0
"""Threads, fork and spawn: the answers are those of one thread alone, and nothing hangs or crashes."""
import copy
import multiprocessing
import os
import pickle
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from samc_python import TINY, Case, np, picture  # first: skips where numpy is missing

import samc

POINTS = [[[5 + 10 * i, 5 + 6 * i]] for i in range(8)]


def answer_in_child(queue):
    """For spawn: everything from the start in a new interpreter."""
    embedding = samc.Model(TINY, threads=2).encode(picture())
    queue.put(embedding.predict(POINTS[3]).low_res)


def encode_in_child(model):
    return model.encode(picture()).numpy()


class Threads(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = samc.Model(TINY, threads=2)
        cls.embedding = cls.model.encode(cls.photo)
        cls.serial = [cls.embedding.predict(p, multimask=True) for p in POINTS]

    def test_eight_threads_one_model(self):
        """Predictions and encodings of eight threads at once are those of one."""
        def work(i):
            embedding = self.model.encode(picture(seed=i))
            return embedding.numpy(), self.embedding.predict(POINTS[i], multimask=True)
        with ThreadPoolExecutor(8) as pool:
            for i, (seen, answer) in enumerate(pool.map(work, range(8))):
                self.same(seen, self.model.encode(picture(seed=i)).numpy())
                self.same(answer.masks, self.serial[i].masks)
                self.same(answer.low_res, self.serial[i].low_res)
                self.same(answer.scores, self.serial[i].scores)

    def test_gil_is_released(self):
        """While the library works another Python thread runs. No switch is forced meanwhile, so that
        the other can count only if the call lets go of the interpreter's lock."""
        count, advanced, stop = [0], [], threading.Event()

        def calls():
            for _ in range(200):
                before = count[0]
                self.embedding.save(file)
                if count[0] > before:
                    advanced.append(count[0] - before)
                    break
            stop.set()
        file = self.path("embedding")
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1000)
        try:
            thread = threading.Thread(target=calls)
            thread.start()
            while not stop.is_set():
                count[0] += 1
                time.sleep(0)
            thread.join()
        finally:
            sys.setswitchinterval(interval)
        self.assertTrue(advanced)

    def test_closed_while_in_use(self):
        """Closing frees nothing that a call still uses: each call answers rightly or says closed."""
        for _ in range(10):
            model = samc.Model(TINY, threads=1)
            embedding = model.encode(self.photo)
            wrong = []

            def work():
                try:
                    while True:
                        got = embedding.predict(POINTS[0], multimask=True)
                        if not np.array_equal(got.masks, self.serial[0].masks):
                            wrong.append("another answer")
                except samc.errors.ClosedError:
                    pass
                except Exception as error:
                    wrong.append(repr(error))
            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            embedding.predict(POINTS[1])
            model.close()
            embedding.close()
            for thread in threads:
                thread.join()
            self.assertEqual(wrong, [])

    def test_closed_while_encoding(self):
        """An encoding that began before close() ends well, and its embedding frees both."""
        model = samc.Model(TINY, threads=1)
        embedding = model.encode(self.photo, progress=lambda done: model.close())
        self.same(embedding.numpy(), self.embedding.numpy())
        with self.assertRaisesRegex(samc.errors.ClosedError, "the model is closed"):
            embedding.predict(POINTS[0])
        embedding.close()
        self.assertEqual(model._handle._holders, 0)

    def test_fork(self):
        """A child goes on with the parent's model and embedding; its threads start anew."""
        read, write = os.pipe()
        child = os.fork()
        if not child:
            code = 1
            try:
                got = self.embedding.predict(POINTS[2], multimask=True)
                again = self.model.encode(self.photo)
                good = np.array_equal(got.low_res, self.serial[2].low_res) and \
                    np.array_equal(again.numpy(), self.embedding.numpy())
                os.write(write, b"same" if good else b"other")
                code = 0
            finally:
                os._exit(code)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            self.assertEqual(pipe.read(), b"same")
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.same(self.embedding.predict(POINTS[2], multimask=True).low_res, self.serial[2].low_res)

    def test_pickled_and_copied(self):
        """A model goes to another process as its file's name; copies are the same object."""
        again = pickle.loads(pickle.dumps(samc.Sam(self.model))).samc
        self.assertEqual((again.info.identity, again.threads), (self.model.info.identity, 2))
        self.same(again.encode(self.photo).numpy(), self.embedding.numpy())
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            self.same(pool.apply(encode_in_child, (self.model,)), self.embedding.numpy())
        for thing in (self.model, self.embedding):
            self.assertIs(copy.copy(thing), thing)
            self.assertIs(copy.deepcopy([thing])[0], thing)
        with self.assertRaisesRegex(TypeError, "save"):
            pickle.dumps(self.embedding)
        with open(TINY, "rb") as file, self.assertRaisesRegex(TypeError, "from bytes"):
            pickle.dumps(samc.Model(file.read()))

    def test_spawn(self):
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        process = context.Process(target=answer_in_child, args=(queue,))
        process.start()
        got = queue.get(timeout=120)
        process.join()
        self.same(got, self.embedding.predict(POINTS[3]).low_res)


if __name__ == "__main__":
    unittest.main()
