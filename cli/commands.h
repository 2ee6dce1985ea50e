/*
 * The commands of `mot`: each is a main() of its own, called with argv[0] = its name, and returns
 * the exit status. A new command is one function here and one row in the table of main.c.
 */
#ifndef MOT_CLI_COMMANDS_H
#define MOT_CLI_COMMANDS_H

/* Roles: processes that run until SIGINT or SIGTERM. */
int api_main(int argc, char **argv);
int controller_main(int argc, char **argv);
int reconciler_main(int argc, char **argv);
int mirror_main(int argc, char **argv);
int up_main(int argc, char **argv);
int demo_server_main(int argc, char **argv);

/* Client verbs. */
int apply_main(int argc, char **argv);
int get_main(int argc, char **argv);
int delete_main(int argc, char **argv);
int status_main(int argc, char **argv);
int wait_main(int argc, char **argv);
int kinds_main(int argc, char **argv);
int version_main(int argc, char **argv);

/* Works on files only. */
int topology_main(int argc, char **argv);

#endif
