/* SPDX-License-Identifier: MIT */
#include "places.h"

#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A directory of XDG's base directory specification. */
struct base {
	const char *variable;
	const char *below_home; /* when the variable is not set */
	const char *root;       /* for root's daemons */
};

/* Whence porterfs.conf; root looks at home too. */
static const struct base config_base = {"XDG_CONFIG_HOME", ".config", NULL};

/* What may be deleted at any time. */
static const struct base cache_base = {"XDG_CACHE_HOME", ".cache",
                                       "/var/cache"};

/* What must survive. */
static const struct base state_base = {"XDG_STATE_HOME", ".local/state",
                                       "/var/lib"};

/* "BASE/porterfs/NAME" for a user, malloc'ed; NULL: no home, no memory. */
static char *user_place(const struct base *base, const char *name)
{
	const char *dir = getenv(base->variable);
	const char *home = getenv("HOME");

	if (dir && dir[0] == '/')
		return str_printf("%s/porterfs/%s", dir, name);
	if (home && home[0] == '/')
		return str_printf("%s/%s/porterfs/%s", home, base->below_home,
		                  name);
	return NULL;
}

/* Anything but "it is not there" is worth an attempt and its error. */
static bool may_exist(const char *path)
{
	return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

int places_config_file(char **ret)
{
	static const char system_file[] = "/etc/porterfs/porterfs.conf";
	cleanup(freep) char *user_file =
		user_place(&config_base, "porterfs.conf");

	*ret = NULL;
	if (user_file && may_exist(user_file)) {
		*ret = take(&user_file);
		return 0;
	}
	if (!may_exist(system_file))
		return 0;
	*ret = strdup(system_file);
	return *ret ? 0 : -ENOMEM;
}

char *places_absolute(const char *path)
{
	if (path[0] == '/')
		return strdup(path);

	cleanup(freep) char *here = getcwd(NULL, 0);

	return here ? str_printf("%s/%s", strcmp(here, "/") == 0 ? "" : here,
	                         path)
	            : NULL;
}

/* Whether systemd leaves the byte as it is. */
static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == ':' || c == '_' || c == '.';
}

char *places_name(const char *mountpoint)
{
	cleanup(str_release) struct str name = {0};
	const char *c = mountpoint + strspn(mountpoint, "/");

	if (!*c)
		str_add_char(&name, '-'); /* "/" itself */
	for (; *c; c++) {
		if (*c == '/')
			str_add(&name, c[strspn(c, "/")] ? "-" : "");
		else if (is_plain(*c) && !(*c == '.' && name.len == 0))
			str_add_char(&name, *c);
		else
			str_addf(&name, "\\x%02x", (unsigned char)*c);
		if (*c == '/')
			c += strspn(c, "/") - 1;
	}
	return str_take(&name);
}

/* One directory's default. A user without a home gets none. */
static int set_default(struct conf *conf, const char *option,
                       const struct base *base, const char *name,
                       struct err *reterr)
{
	cleanup(freep) char *path =
		geteuid() == 0 ? str_printf("%s/porterfs/%s", base->root, name)
			       : user_place(base, name);

	return path ? conf_set(conf, NULL, option, path, CONF_FROM_DEFAULT,
	                       reterr)
	            : 0;
}

int places_set_defaults(struct conf *conf, const char *mountpoint,
                        struct err *reterr)
{
	cleanup(freep) char *name = places_name(mountpoint);

	if (!name)
		return err_set(reterr, -ENOMEM, "out of memory");

	int r = set_default(conf, "cache_dir", &cache_base, name, reterr);

	if (r == 0)
		r = set_default(conf, "state_dir", &state_base, name, reterr);
	return r;
}
