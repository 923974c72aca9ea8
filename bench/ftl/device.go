package ftl

import (
	"fmt"
	"math"
)

// A Policy says which closed block is collected.
type Policy uint8

const (
	// Greedy takes the block with the fewest valid pages, among those the
	// one that came to have so few first.
	Greedy Policy = iota
	// CostBenefit takes the block with the greatest age x (1-u) / 2u, u being
	// the valid share of its pages and its age the number of pages the host has
	// written since the youngest of them was. It looks at every block.
	CostBenefit
	// FIFO takes the block that was closed first.
	FIFO
	policies
)

var policyNames = [policies]string{"greedy", "cost-benefit", "fifo"}

func (p Policy) String() string {
	if p < policies {
		return policyNames[p]
	}
	return fmt.Sprintf("policy(%d)", uint8(p))
}

// Policies returns the names of the policies, each at the place of its value.
func Policies() []string { return append([]string(nil), policyNames[:]...) }

// A Config describes a device. Zero fields become the defaults below.
type Config struct {
	PageBytes    int     // bytes of a page
	BlockPages   int     // pages of an erase block
	LogicalPages int64   // pages that the host sees; there is no default
	Spare        float64 // physical pages that hold data exceed LogicalPages by this share of them
	GC           Policy

	// Streams are the open blocks, 1 to 3. With 1 everything goes into one block.
	// With 2 relocated pages have a block of their own. With 3 so have host
	// writes that are hot: of a page whose last write lies less than
	// LogicalPages/2 page writes of the host back. A page is cold at its first write,
	// and at its first after a Trim.
	Streams int
}

// The defaults of Config, as of a common drive without the host's help.
const (
	DefaultPageBytes  = 4 << 10
	DefaultBlockPages = 256
	DefaultSpare      = 0.07
	DefaultStreams    = 1
)

// resolve returns c with its defaults, or an error that says what is wrong with it.
func (c Config) resolve() (Config, error) {
	if c.PageBytes == 0 {
		c.PageBytes = DefaultPageBytes
	}
	if c.BlockPages == 0 {
		c.BlockPages = DefaultBlockPages
	}
	if c.Spare == 0 {
		c.Spare = DefaultSpare
	}
	if c.Streams == 0 {
		c.Streams = DefaultStreams
	}
	switch {
	case c.PageBytes < 1:
		return c, fmt.Errorf("flash device: %d bytes a page", c.PageBytes)
	case c.BlockPages < 2 || c.BlockPages > 1<<20:
		return c, fmt.Errorf("flash device: %d pages a block, not 2 to %d", c.BlockPages, 1<<20)
	case c.LogicalPages < 1:
		return c, fmt.Errorf("flash device: %d logical pages", c.LogicalPages)
	case !(c.Spare > 0 && c.Spare <= 16):
		return c, fmt.Errorf("flash device: spare factor %v, not above 0 and at most 16", c.Spare)
	case c.GC >= policies:
		return c, fmt.Errorf("flash device: unknown policy %d", c.GC)
	case c.Streams < 1 || c.Streams > 3:
		return c, fmt.Errorf("flash device: %d streams, not 1 to 3", c.Streams)
	}
	if pages := float64(c.LogicalPages) * (1 + c.Spare); pages > 1<<31 {
		return c, fmt.Errorf("flash device: %.0f physical pages are more than the %d that can be simulated", pages, 1<<31)
	}
	return c, nil
}

// blocks returns how many erase blocks there are. Those that hold data have room
// for the logical pages and the spare ones, and for at least one block more than
// the logical pages. The open blocks that are being filled, or kept for
// collection, come on top: so the effective spare factor does not depend on how few blocks
// a small device has.
func (c *Config) blocks() int {
	size := float64(c.BlockPages)
	data := math.Ceil((1 + c.Spare) * float64(c.LogicalPages) / size)
	least := math.Ceil(float64(c.LogicalPages)/size) + 1
	return int(max(data, least)) + c.Streams
}

// Counters are what a device has done since it was made, in pages unless said otherwise.
type Counters struct {
	Host      int64 // written by the host
	Relocated int64 // moved by garbage collection
	Trimmed   int64 // mapped pages that the host discarded
	Erased    int64 // blocks
}

// Programmed returns the pages that were programmed into flash.
func (c Counters) Programmed() int64 { return c.Host + c.Relocated }

// Since returns what was counted after before.
func (c Counters) Since(before Counters) Counters {
	return Counters{c.Host - before.Host, c.Relocated - before.Relocated, c.Trimmed - before.Trimmed, c.Erased - before.Erased}
}

// Amplification returns programmed pages for each page the host wrote; 0 if it wrote none.
func (c Counters) Amplification() float64 {
	if c.Host == 0 {
		return 0
	}
	return float64(c.Programmed()) / float64(c.Host)
}

// nowhere is the physical page of a logical page that is not mapped, the
// owner of a physical page that is not valid, and the block of a stream that has none.
const nowhere = math.MaxUint32

// A Device is a flash drive. It belongs to one goroutine. Nothing but NewDevice
// allocates.
type Device struct {
	config Config
	per    uint32   // pages of a block
	mapped []uint32 // by logical page: its physical page
	owner  []uint32 // by physical page: its logical page
	blocks []block
	free   []uint32 // erased blocks, the last to be taken first
	open   [3]uint32
	queues queues

	// written is, by logical page, the host's clock at its last write; kept only with three streams.
	written []uint32
	valid   int64 // mapped pages
	count   Counters
}

// A block is the state of an erase block.
type block struct {
	valid    uint32
	filled   uint32 // pages programmed
	youngest int64  // Counters.Host when the youngest of its pages was written by the host
	prev     uint32 // neighbours in the queue of a closed block
	next     uint32
}

// NewDevice returns an erased device.
func NewDevice(c Config) (*Device, error) {
	c, err := c.resolve()
	if err != nil {
		return nil, err
	}
	n := c.blocks()
	d := &Device{
		config: c,
		per:    uint32(c.BlockPages),
		mapped: make([]uint32, c.LogicalPages),
		owner:  make([]uint32, n*c.BlockPages),
		blocks: make([]block, n),
		free:   make([]uint32, 0, n),
		open:   [3]uint32{nowhere, nowhere, nowhere},
		queues: newQueues(c.BlockPages + 1),
	}
	for i := range d.mapped {
		d.mapped[i] = nowhere
	}
	for i := range d.owner {
		d.owner[i] = nowhere
	}
	for i := range n {
		d.free = append(d.free, uint32(n-1-i))
	}
	if c.Streams == 3 {
		d.written = make([]uint32, c.LogicalPages)
	}
	return d, nil
}

// Config returns the configuration with its defaults filled in.
func (d *Device) Config() Config { return d.config }

// Counters returns what the device has done so far.
func (d *Device) Counters() Counters { return d.count }

// Mapped returns how many logical pages hold something.
func (d *Device) Mapped() int64 { return d.valid }

// FreeBlocks returns how many blocks are erased.
func (d *Device) FreeBlocks() int { return len(d.free) }

// Blocks returns how many blocks there are.
func (d *Device) Blocks() int { return len(d.blocks) }

// Write writes n logical pages from page on, which must exist: a page that
// does not is a fault of the caller, and panics as an index would.
func (d *Device) Write(page, n int64) {
	for p := page; p < page+n; p++ {
		d.writePage(uint32(p))
	}
}

func (d *Device) writePage(page uint32) {
	d.count.Host++
	stream := d.hostStream(page)
	d.invalidate(page)
	d.makeRoom(stream)
	d.program(page, stream, d.count.Host)
}

// Trim discards what n logical pages from page on hold. Like Write it wants pages that exist.
func (d *Device) Trim(page, n int64) {
	for p := page; p < page+n; p++ {
		if d.mapped[p] == nowhere {
			continue
		}
		d.count.Trimmed++
		d.invalidate(uint32(p))
		if d.written != nil {
			d.written[p] = 0
		}
	}
}

// hostStream returns the stream that a host write of page goes to, and notes the write.
func (d *Device) hostStream(page uint32) int {
	if d.written == nil {
		return 0
	}
	now, last := uint32(d.count.Host), d.written[page]
	d.written[page] = now
	if last != 0 && int64(now-last) < d.config.LogicalPages/2 {
		return 1
	}
	return 0
}

// relocationStream returns the stream that collected pages go to.
func (d *Device) relocationStream() int { return d.config.Streams - 1 }

// invalidate makes the page unmapped and what it held dead.
func (d *Device) invalidate(page uint32) {
	at := d.mapped[page]
	if at == nowhere {
		return
	}
	d.mapped[page], d.owner[at] = nowhere, nowhere
	d.valid--
	n := at / d.per
	b := &d.blocks[n]
	b.valid--
	if b.filled == d.per && d.config.GC != FIFO {
		d.queues.remove(d.blocks, n, b.valid+1)
		d.queues.add(d.blocks, n, b.valid)
	}
}

// program puts a page into the open block of a stream, which has room; written
// is when the host wrote what is in it.
func (d *Device) program(page uint32, stream int, written int64) {
	n := d.open[stream]
	b := &d.blocks[n]
	at := n*d.per + b.filled
	d.mapped[page], d.owner[at] = at, page
	d.valid++
	b.valid++
	b.filled++
	b.youngest = max(b.youngest, written)
	if b.filled == d.per {
		d.open[stream] = nowhere
		d.queues.add(d.blocks, n, d.queueOf(b))
	}
}
