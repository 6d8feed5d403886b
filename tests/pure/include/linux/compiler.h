/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CB_SHIM_COMPILER_H
#define CB_SHIM_COMPILER_H

#define likely(x)		(x)
#define unlikely(x)		(x)
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, v)	((x) = (v))

#endif
