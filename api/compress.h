/* Large answers in fewer bytes. */
#ifndef MOT_API_COMPRESS_H
#define MOT_API_COMPRESS_H

#include "request.h"

/*
 * What a kube-apiserver does with an answer of more than 128 KiB for a client that takes gzip: the
 * body is compressed, with the least effort, and says so. It stays as it is when that would not
 * halve it, or when the server holds too many large answers to have both for a moment. Worker
 * thread.
 */
void compress_answer(struct request *request);

#endif
