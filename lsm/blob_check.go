package lsm

import "fmt"

// addReference verifies L8 of an element that lies in a blob file: that it is there
// unless it is dead, and dies within the bounds of the file.
func (c *tableCheck) addReference(e element) error {
	if e.blob == nil {
		return nil
	}
	b := e.blob
	c.found.blobs.add(b, b.number, e.size())
	if b.dead(c.watermark) {
		if e.live(c.watermark) {
			return c.corrupt(int64(c.cursor.handle.offset), fmt.Sprintf("L8: a live element is in blob file %06d, which is dead", b.number))
		}
		return nil
	}
	to, _ := decodeReference(e.data)
	if e.expireAt < b.minExpiry || e.expireAt > b.maxExpiry {
		return b.corrupt(int64(to.handle.offset), fmt.Sprintf("L8: a value expires at %s, which is beyond the bounds of the file", timeText(e.expireAt)))
	}
	return b.readValue(to, fromFile, nil, &c.value)
}

// checkBlobs verifies that the figures of the blob files are those in the files, and
// that tables refer to no more than there is.
func (v *version) checkBlobs() error {
	for i := range v.blobs {
		h := &v.blobs[i]
		if h.values > h.blob.values || h.dropped() < 0 {
			return h.blob.corrupt(-1, fmt.Sprintf("L8: %d values of %d bytes, and tables refer to %d of %d bytes",
				h.blob.values, h.blob.bytes, h.values, h.blobUse.bytes))
		}
		if err := h.blob.check(); err != nil {
			return err
		}
	}
	return nil
}

func (b *blob) check() error {
	at := b.size - blobFooterSize
	if at < 0 {
		return b.corrupt(0, "file is cut short")
	}
	var footer [blobFooterSize]byte
	if err := b.readAt(footer[:], at); err != nil {
		return err
	}
	properties, damage := decodeBlobFooter(footer[:], b.size)
	if damage != "" {
		return b.corrupt(at, damage)
	}
	var ref blockRef
	defer ref.release()
	if err := b.readBlock(properties, propertiesBlock, fromFile, &ref); err != nil {
		return err
	}
	m, damage := decodeBlobProperties(ref.data)
	if damage == "" && m != b.blobMeta {
		damage = "L8: the properties are not those in the manifest"
	}
	if damage != "" {
		return b.corrupt(int64(properties.offset), damage)
	}
	return nil
}
