package lsm

import (
	"fmt"
	"io"
)

// dumpBlobs draws the blob files, oldest first.
func dumpBlobs(to io.Writer, v *version) {
	if len(v.blobs) == 0 {
		return
	}
	all := v.blobStats()
	fmt.Fprintf(to, "blob files: %s, %s, of which %s dead\n", count(all.Values, "value"), sizeText(all.Bytes), sizeText(all.DeadBytes))
	for i := range v.blobs {
		h := &v.blobs[i]
		branch := "├─"
		if i == len(v.blobs)-1 {
			branch = "└─"
		}
		worn := ""
		if h.worn {
			worn = "  to be rewritten"
		}
		fmt.Fprintf(to, "%s %s  %s  %d of %s  expiring %s  %s dead%s\n", branch, h.blob.name(), sizeText(h.blob.size), h.values,
			count(h.blob.values, "value"), span(timeText(h.blob.minExpiry), timeText(h.blob.maxExpiry)), sizeText(h.fileDeadBytes(v.watermark)), worn)
	}
}
