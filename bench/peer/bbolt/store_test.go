package bbolt_test

import (
	"testing"

	bboltdb "go.etcd.io/bbolt"

	"github.com/statelab/statelab/bench/peer/bbolt"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/internal/peertest"
	"github.com/statelab/statelab/storetest"
)

func config() storetest.Config {
	return storetest.Config{
		IgnoresFS: true,
		NoInline:  true,                   // it knows it, and O3 and F1 cannot be shown without a file system of the kit's
		MaxKey:    bboltdb.MaxKeySize - 1, // the adapter takes one byte
	}
}

func TestStore(t *testing.T) {
	peertest.Run(t, func(dir string, o kv.Options) (*kv.Store, error) {
		return bbolt.Open(dir, &bbolt.Options{Options: o})
	}, config())
}

func TestUnbufferedStore(t *testing.T) {
	peertest.RunSome(t, func(dir string, o kv.Options) (*kv.Store, error) {
		return bbolt.Open(dir, &bbolt.Options{Options: o, Unbuffered: true, NoSync: true})
	}, config(), "K8", "I1", "D6", "random")
}
