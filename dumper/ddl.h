/* SPDX-License-Identifier: MIT */
/*
 * What is changed in the text of a SHOW CREATE statement (pure).
 *
 * Only the head is ever looked at: CREATE, OR REPLACE, ALGORITHM, DEFINER, SQL
 * SECURITY, the object's word.  What stands behind it is copied as it is.
 */
#ifndef PORTER_DUMPER_DDL_H
#define PORTER_DUMPER_DDL_H

#include "base/str.h"

#include <stdbool.h>

enum ddl_definer {
	DDL_DEFINER_KEEP,
	DDL_DEFINER_STRIP,
	DDL_DEFINER_MAP,
};

struct ddl_policy {
	bool if_not_exists;
	enum ddl_definer definer;
	const char *map_from; /* "user@host"; the host may be left out */
	const char *map_to;
};

/* text with the policy applied, appended to out. */
void ddl_add(struct str *out, const char *text,
             const struct ddl_policy *policy);

/*
 * "CREATE ... VIEW name AS select" -> "" and its definer as `DEFINER=x ` or "",
 * as the policy wants it; for ALTER EVENT.
 */
void ddl_add_definer(struct str *out, const char *text,
                     const struct ddl_policy *policy);

/*
 * A number that is the same for two texts that differ at most in their
 * AUTO_INCREMENT.
 */
uint64_t ddl_fingerprint(const char *text);

#endif
