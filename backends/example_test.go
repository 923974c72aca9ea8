package backends_test

import (
	"fmt"
	"log"
	"os"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
)

// A store as a library: state that dies by event time, without a delete.
func Example() {
	dir, err := os.MkdirTemp("", "statelab")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	store, err := backends.Open("btree?page_size=8KiB", dir, &statelab.Options{Memory: 32 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	var b statelab.Batch
	b.Put([]byte("ride 1"), []byte("started"), 100) // dies when event time reaches 100
	b.Append([]byte("ride 1"), []byte(", paid"), 200)
	b.Put([]byte("ride 2"), []byte("started"), statelab.NoExpiry)
	if err := store.Apply(&b); err != nil {
		log.Fatal(err)
	}
	show(store)

	if err := store.Advance(100); err != nil { // event time has reached 100
		log.Fatal(err)
	}
	show(store)

	if err := store.Sync(); err != nil { // durable from here on
		log.Fatal(err)
	}
	// Output:
	// ride 1: "started, paid"
	// ride 2: "started"
	//
	// ride 1: ", paid"
	// ride 2: "started"
}

func show(store statelab.Store) {
	it, err := store.Iter(statelab.PrefixRange([]byte("ride ")))
	if err != nil {
		log.Fatal(err)
	}
	defer it.Close()
	for it.Next() {
		fmt.Printf("%s: %q\n", it.Key(), it.Value())
	}
	if err := it.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Println()
}
