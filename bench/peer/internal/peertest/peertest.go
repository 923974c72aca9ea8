// Package peertest proves of a peer what package storetest can prove, once for
// each thing that a peer can promise.
package peertest

import (
	"maps"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/storetest"
)

// An Opener opens a peer.
type Opener func(dir string, o kv.Options) (*kv.Store, error)

// with opens a peer as the kit has it, with a scheme of expiry.
func (open Opener) with(dir string, o *statelab.Options, expiry kv.Expiry) (statelab.Store, error) {
	s, err := open(dir, kv.Options{Options: *o, Expiry: expiry})
	if err != nil {
		return nil, err // no interface of a nil pointer
	}
	return s, nil
}

// syncedAtClose gives a store of durability "checkpoint" the Close of one of
// durability "interval", which the kit takes it for.
type syncedAtClose struct{ *kv.Store }

func (s syncedAtClose) Close() error {
	err := s.Sync()
	if closeErr := s.Store.Close(); err == nil || closeErr != nil {
		err = closeErr
	}
	return err
}

// Run proves a peer in three ways:
//
//	store       all of the contract but durability "checkpoint", with expiry=index
//	checkpoint  with durability "checkpoint": a crash leads to a point of the history that covers the last Sync
//	driver      with expiry=driver: reads are exact although nothing is swept
//
// cfg says what the peer cannot do; its Open is ignored.
func Run(t *testing.T, open Opener, cfg storetest.Config) {
	effort := storetest.Effort{Seeds: 2, Steps: 200, Points: 20}
	if testing.Short() {
		effort = storetest.Effort{Seeds: 1, Steps: 40, Points: 3}
	}
	cfg.Effort = effort
	t.Run("store", func(t *testing.T) {
		c := cfg
		c.Open = func(dir string, o *statelab.Options) (statelab.Store, error) {
			return open.with(dir, o, kv.ExpiryIndex)
		}
		if c.Durabilities == nil {
			c.Durabilities = []statelab.Durability{statelab.DurabilityInterval, statelab.DurabilityAlways}
		}
		storetest.Run(t, c)
	})
	t.Run("checkpoint", func(t *testing.T) {
		c := cfg
		c.Open = func(dir string, o *statelab.Options) (statelab.Store, error) {
			as := *o
			if as.Durability == statelab.DurabilityInterval {
				as.Durability = statelab.DurabilityCheckpoint
			}
			s, err := open(dir, kv.Options{Options: as, Expiry: kv.ExpiryIndex})
			if err != nil {
				return nil, err
			}
			return syncedAtClose{s}, nil
		}
		c.Durabilities = []statelab.Durability{statelab.DurabilityInterval}
		c.Waive = allBut(cfg.Waive, "D2", "D4", "D6", "D8")
		storetest.Run(t, c)
	})
	t.Run("driver", func(t *testing.T) {
		c := cfg
		c.Open = func(dir string, o *statelab.Options) (statelab.Store, error) {
			return open.with(dir, o, kv.ExpiryDriver)
		}
		c.Durabilities = []statelab.Durability{statelab.DurabilityInterval}
		c.Waive = allBut(cfg.Waive, "K8", "K9", "I5", "random")
		storetest.Run(t, c)
	})
}

// RunVolatile proves a store that keeps nothing when it is closed, with one scheme
// of expiry. Clauses in waive are not proved, for the reason given.
func RunVolatile(t *testing.T, open Opener, expiry kv.Expiry, waive map[string]string) {
	effort := storetest.Effort{Seeds: 3, Steps: 200}
	if testing.Short() {
		effort = storetest.Effort{Seeds: 1, Steps: 80}
	}
	waived := map[string]string{"O2": "the store takes no notice of Options.Memory"}
	for _, clause := range []string{"T2", "D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "F6"} {
		waived[clause] = "the store keeps nothing when it is closed"
	}
	if expiry == kv.ExpiryDriver {
		waived["O5"] = "with expiry=driver dead records stay until they are deleted"
	}
	maps.Copy(waived, waive)
	storetest.Run(t, storetest.Config{
		IgnoresFS: true, MemoryResident: true, Volatile: true, Waive: waived, Effort: effort,
		Open: func(dir string, o *statelab.Options) (statelab.Store, error) {
			return open.with(dir, o, expiry)
		},
	})
}

// RunSome proves the clauses named, with expiry=index, of a variant of a peer
// that Run has proved.
func RunSome(t *testing.T, open Opener, cfg storetest.Config, clauses ...string) {
	cfg.Effort = storetest.Effort{Seeds: 1, Steps: 80, Points: 6}
	cfg.Open = func(dir string, o *statelab.Options) (statelab.Store, error) {
		return open.with(dir, o, kv.ExpiryIndex)
	}
	cfg.Durabilities = []statelab.Durability{statelab.DurabilityInterval}
	cfg.Waive = allBut(cfg.Waive, clauses...)
	storetest.Run(t, cfg)
}

// allBut waives what is waived and every clause but those named.
func allBut(waived map[string]string, clauses ...string) map[string]string {
	all := map[string]string{"random": "proved under \"store\""}
	for _, c := range storetest.Clauses() {
		all[c.ID] = "proved under \"store\""
	}
	for _, c := range clauses {
		delete(all, c)
	}
	maps.Copy(all, waived)
	return all
}
