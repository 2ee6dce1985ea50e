/* The drivers there are; driver_table in drivers.c lists them. */
#ifndef MOT_DRIVERS_DRIVERS_H
#define MOT_DRIVERS_DRIVERS_H

#include <mot/driver.h>

extern const struct driver_ops local_driver;

#endif
