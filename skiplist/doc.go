// Package skiplist holds an ordered map in off-heap memory: a [List] of keys
// and their versions, with one writer and lock-free readers.
package skiplist
