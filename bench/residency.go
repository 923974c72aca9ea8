package bench

import (
	"errors"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/pagecache"
)

var residencyMetrics = []MetricDoc{
	{"page_cache_bytes", "bytes", Lower, "Bytes of the store's files that are in the kernel's page cache at the end of the measured phase (cachestat or mincore): memory that no budget of the store's bounds. Includes what was written and is not needed again. Absent where the system does not tell, or the store has no files."},
	{"page_cache_ratio", "ratio", Neither, "page_cache_bytes divided by the bytes that the file system has allocated to these files."},
}

// residency is the instrument that looks at the page cache.
type residency struct{ dir string }

func newResidency(job Job) (instrument, error) { return residency{job.Dir}, nil }

func (residency) attach(*statelab.Options)   {}
func (residency) begin(statelab.Store) error { return nil }
func (residency) close() error               { return nil }

func (r residency) end(_ statelab.Store, m *Measurement) error {
	found, err := pagecache.Of(r.dir)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		m.Notes = append(m.Notes, "page cache: this system does not tell what is in it")
		return nil
	case err != nil:
		return err
	case found.Files == 0:
		m.Notes = append(m.Notes, "page cache: the store has no files")
		return nil
	}
	m.Metrics.set("page_cache_bytes", float64(found.Cached))
	m.Metrics.setRatio("page_cache_ratio", float64(found.Cached), float64(found.Disk))
	return nil
}
