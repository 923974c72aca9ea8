package vfs

import "fmt"

// An Op is a kind of operation on a file system: what [Faulty] counts and
// fails, and what [NewTrace] reports.
type Op uint8

const (
	OpCreate   Op = iota // FS.Create
	OpOpen               // FS.Open and FS.OpenReadWrite
	OpRead               // File.ReadAt
	OpWrite              // File.WriteAt
	OpSync               // File.Sync
	OpTruncate           // File.Truncate
	OpRename             // FS.Rename
	OpRemove             // FS.Remove
	OpLink               // FS.Link
	OpMkdir              // FS.MkdirAll
	OpSyncDir            // FS.SyncDir
	OpStat               // FS.Stat, FS.List and File.Size
	OpLock               // FS.Lock
	opKinds
)

// OpAny stands for every kind in a Fault and in Faulty.Count.
const OpAny Op = 255

var opNames = [opKinds]string{"create", "open", "read", "write", "sync", "truncate",
	"rename", "remove", "link", "mkdir", "syncdir", "stat", "lock"}

// Ops returns every kind of operation.
func Ops() []Op {
	ops := make([]Op, opKinds)
	for i := range ops {
		ops[i] = Op(i)
	}
	return ops
}

func (o Op) String() string {
	switch {
	case o < opKinds:
		return opNames[o]
	case o == OpAny:
		return "any"
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}
