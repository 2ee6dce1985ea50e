/*
 * Namespaces that are being deleted: what is in them is deleted kind by kind, finalizers honoured;
 * then they go.
 *
 * A namespace goes when nothing was found in it by a read that is newer than its deletionTimestamp.
 * Nothing can come later: whoever creates an object in a namespace has the commit itself check that
 * it is there and stays (struct store_write, in_namespace).
 */
#ifndef MOT_CONTROLLER_NAMESPACE_H
#define MOT_CONTROLLER_NAMESPACE_H

#include <mot/model/kind.h>
#include <mot/store/store.h>

struct terminator;

struct terminator *terminator_start(struct store *store, const struct kinds *kinds,
                                    struct err *err) MOT_NODISCARD;
void terminator_stop(struct terminator *terminator);

#endif
