/* SPDX-License-Identifier: Apache-2.0
 *
 * Embeddings: what a frozen image encoder makes of photos that come again, kept so that each is
 * encoded once: in memory, those that were not used for longest going first, and in a folder, first
 * come, until it is full.
 *
 * An embedding is known by the bits that it is a function of: the photo's pixels as the encoder
 * sees them, and what encodes (weights, kernel path, precision). A photo that was edited, or
 * another encoder, is therefore never mistaken for the one before, and a folder may serve many
 * runs, also at the same time. A file of it is ENCODER-PHOTO.safetensors (two hashes): one tensor
 * `embedding` [P][E] f32 and a hash of its bits, by which a damaged file is known: it is then made
 * anew.
 *
 * Keeping changes times and nothing else: what comes back is bit by bit what was made.
 */
#ifndef SAMC_TRAIN_EMBEDDINGS_H
#define SAMC_TRAIN_EMBEDDINGS_H

#include "train/samples.h"

typedef struct samc_embeddings_options {
    size_t memory_bytes;       /* 0: none in memory */
    const char *folder;        /* NULL: none on disk; created if missing */
    size_t folder_bytes;       /* the files in it may have so many */
    samc_samples_note_fn note; /* may be NULL: hears, once each, that the folder is full or cannot
                                  be written (the work goes on without it), and of damaged files */
    void *user;
} samc_embeddings_options;

typedef struct samc_embeddings samc_embeddings;

/* For embeddings of rows * columns numbers by the encoder with that hash. Errors: IO (the folder
 * cannot be made or read), MEMORY. */
samc_status samc_embeddings_create(const samc_embeddings_options *options,
                                   const uint64_t encoder[2], int64_t rows, int64_t columns,
                                   samc_embeddings **embeddings, samc_error *error);
void samc_embeddings_free(samc_embeddings *embeddings);

/* Computes an embedding. */
typedef samc_status (*samc_embedding_make_fn)(void *user, float *out, samc_error *error);

/* Copies the embedding of the photo with that hash to `out` [rows][columns]; where none is kept,
 * `make` makes it, and it is kept. By one thread at a time. Errors: make's, MEMORY. */
samc_status samc_embeddings_get(samc_embeddings *embeddings, const uint64_t photo[2],
                                samc_embedding_make_fn make, void *user, float *out,
                                samc_error *error);

#endif
