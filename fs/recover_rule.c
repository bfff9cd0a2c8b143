/* SPDX-License-Identifier: MIT */
#include "recover_rule.h"

#include "upload.h"

#include <errno.h>
#include <string.h>

bool recover_is_ours(const struct upload_record *record,
                     const struct recover_head *head)
{
	return head->status == 0 && head->size == record->size &&
	       record->nonce[0] && head->nonce[0] &&
	       strcmp(record->nonce + 1, head->nonce + 1) == 0;
}

enum recover_verdict recover_finishing(const struct upload_record *record,
                                       const struct recover_head *head,
                                       bool heeds)
{
	if (head->status < 0 && head->status != -ENOENT)
		return RECOVER_LATER;
	if (recover_is_ours(record, head))
		return RECOVER_PUBLISHED;
	if (heeds || record->expect == UPLOAD_ANY)
		return RECOVER_COMPLETE;
	if (record->expect == UPLOAD_ABSENT)
		return head->status == -ENOENT ? RECOVER_COMPLETE
		                               : RECOVER_KEEP;
	return head->status == 0 && strcmp(head->etag, record->etag) == 0
	               ? RECOVER_COMPLETE
	               : RECOVER_KEEP;
}
