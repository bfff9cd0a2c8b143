/* SPDX-License-Identifier: MIT */
/* conn/NAME: whether a database connection works, and what is there. */
#include "base/conf.h"
#include "base/json.h"
#include "control_impl.h"
#include "dumper/dump.h"

#include <string.h>

/* "default" is [mysql] and DB_* of the environment. */
static const char *section_of(const char *name)
{
	return strcmp(name, "default") == 0 ? NULL : name;
}

static int load(const struct node_at *at, struct db_config **ret,
                struct err *reterr)
{
	const struct conf *conf = at->control->config.conf;

	if (!conf)
		return err_set(reterr, -ENOENT, "there is no configuration");
	return db_config_load(conf, section_of(at->arg[0]), NULL, ret, reterr);
}

int conn_is_there(const struct node_at *at)
{
	cleanup(db_config_freep) struct db_config *db = NULL;
	struct err err = {0};
	int r = load(at, &db, &err);

	/* One that is wrong is there: reading it says why. */
	return r == -ENOENT ? r : 0;
}

int show_conn(const struct node_at *at, struct str *ret, struct err *reterr)
{
	cleanup(db_config_freep) struct db_config *db = NULL;
	cleanup(jval_freep) struct jval *line = jval_new_object();
	struct db_facts facts;
	int r = line ? load(at, &db, reterr)
	             : err_set(reterr, -ENOMEM, "out of memory");

	if (r == 0)
		r = db_test(db, &facts, reterr);
	if (r < 0)
		return r;
	(void)jval_set_bool(line, "ok", true);
	(void)jval_set_text(line, "address", facts.address);
	(void)jval_set_text(line, "server", facts.server);
	(void)jval_set_text(line, "flavour",
	                    facts.mariadb ? "mariadb" : "mysql");
	(void)jval_set_text(line, "user", facts.user);
	(void)jval_set_bool(line, "encrypted", facts.cipher[0] != '\0');
	(void)jval_set_text(line, "cipher", facts.cipher);
	(void)jval_set_u64(line, "latency_us", facts.latency_us);
	if (jval_dump(line, ret) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	str_add_char(ret, '\n');
	return 0;
}
