//go:build rocksdb && cgo

package rocksdb

import (
	"strconv"
	"strings"

	"github.com/statelab/statelab"
)

// Fill implements kv.DB. What RocksDB does not tell stays as it is.
func (d *db) Fill(s *statelab.Stats) {
	for _, p := range []struct {
		name string
		to   *int64
	}{
		{"rocksdb.cur-size-all-mem-tables", &s.Memory},
		{"rocksdb.block-cache-usage", &s.Memory},
		{"rocksdb.total-sst-files-size", &s.Disk},
		{"rocksdb.total-blob-file-size", &s.Disk},
	} {
		if v, ok := d.GetIntProperty(p.name); ok {
			*p.to += int64(v)
		}
	}
	s.Files = int64(len(d.GetLiveFilesMetaData()))
	if !d.counted {
		return
	}
	tickers := parseTickers(d.options.GetStatisticsString())
	s.Written.Log = tickers["rocksdb.wal.bytes"]
	s.Written.Flush = tickers["rocksdb.flush.write.bytes"]
	s.Written.Compaction = tickers["rocksdb.compact.write.bytes"]
	s.Syncs = tickers["rocksdb.wal.synced"]
	for _, kind := range []string{"data", "index", "filter"} {
		s.Cache = append(s.Cache, statelab.CacheStats{
			Kind:   kind,
			Hits:   tickers["rocksdb.block.cache."+kind+".hit"],
			Misses: tickers["rocksdb.block.cache."+kind+".miss"],
		})
	}
	s.Filter.Negatives = tickers["rocksdb.bloom.filter.useful"] + tickers["rocksdb.bloom.filter.prefix.useful"]
	s.Filter.Probes = s.Filter.Negatives + tickers["rocksdb.bloom.filter.full.positive"] +
		tickers["rocksdb.bloom.filter.prefix.checked"] - tickers["rocksdb.bloom.filter.prefix.useful"]
}

// parseTickers reads the counters of RocksDB's statistics, one a line:
//
//	rocksdb.block.cache.miss COUNT : 12
func parseTickers(text string) map[string]int64 {
	tickers := map[string]int64{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 4 && fields[1] == "COUNT" {
			if n, err := strconv.ParseInt(fields[3], 10, 64); err == nil {
				tickers[fields[0]] = n
			}
		}
	}
	return tickers
}
