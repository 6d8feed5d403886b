// SPDX-License-Identifier: GPL-2.0
/*
 * The table of modes.  Owns nothing; any context.
 */
#include "mode.h"
#include "uapi/linux/cookiebox.h"

/**
 * cb_mode_by_id() - what serves a mode
 * @mode:	enum cookiebox_mode
 *
 * Return: its operations, or NULL if this module was built without them.
 */
const struct cb_mode_ops *cb_mode_by_id(u8 mode)
{
	switch (mode) {
	case COOKIEBOX_MODE_LOCAL:
		return &cb_mode_local;
	case COOKIEBOX_MODE_SPLICE:
		return &cb_mode_splice;
	default:
		return NULL;
	}
}
