//! Scripts: short histories with a story, and who must be refused.

/// A script and its expected outcome.
pub struct Story {
    /// A name, for messages.
    pub name: &'static str,
    /// The script; a `!` says who is refused when snapshots do not slide.
    pub text: &'static str,
    /// Who is refused when they do.
    pub sliding: &'static [u8],
}

const fn story(name: &'static str, text: &'static str, sliding: &'static [u8]) -> Story {
    Story { name, text, sliding }
}

/// Every script that is checked in. Generators draw variations from them, too.
pub const SCRIPTS: &[Story] = &[
    // T1 read around T2, and T2 committed only after T1: what T1 reaches is not known
    // for good when T1 commits.
    story(
        "a backward edge of a backward edge",
        "b0 r0[b] b1 b2 w1[b] r1[e] c1 w2[c] w2[e] c2 w0[c] c0!",
        &[0],
    ),
    // The cycle goes on through T2, which began after T1 had committed.
    story("beyond the first overwriter", "b0 b1 r0[b] w1[b] w0[a] c1 b2 r2[a..b] c2 c0!", &[0]),
    // T3 only read, and has ended; without it there is no way from T1 to T2.
    story(
        "a reader in the middle",
        "b0 w0[b] b1 b2 w1[d] w2[b] w2[a] c1 b3 r3[a] c3 c2 r0[d] c0!",
        &[],
    ),
    // When T0 slides past T1, T1 comes before T0, and T2 before T1.
    story(
        "the entry keeps the slid timestamp",
        "{c} b0 b1 b2 r2[c] w2[b] d1[c] w0[b] c1 r0[c] c0 c2",
        &[2],
    ),
    // T2's snapshot shows T0, but not T1, which comes before T0.
    story(
        "older than all is not safe",
        "b0 b1 w0[a] c0 b2 r1[a] w1[b] c1 b3ro r3[a..b] c2 c3",
        &[],
    ),
    story("an own write is no read", "b0 w0[k] r0[k] b1 w1[k] c1 c0", &[]),
    story("a scan is split around own writes", "b0 b1 w0[b] r0[a..c] r1[d] w1[b] c1 w0[d] c0", &[]),
    story(
        "beside an own write a scan reads",
        "b0 b1 w0[b] r0[a..c] r1[d] w1[c] c1 w0[d] c0!",
        &[0],
    ),
    story(
        "what was read before it was written",
        "{b} b0 b1 r0[b] w0[b] r1[d] w1[b] c1 w0[d] c0!",
        &[0],
    ),
    // T1's version lies between two snapshots, and goes; T0 must still find T1.
    story(
        "the first overwriter is collected",
        "{a z} b0 b1 r0[a] r1[z] w1[a] c1 b2 w2[a] c2 gc w0[z] c0!",
        &[0],
    ),
    story(
        "a collected tombstone",
        "{k} b0 d0[k] c0 gc b1 b2 r1[k] w1[y] r2[y] w2[k] c2 gc c1!",
        &[1],
    ),
    story(
        "removed between the snapshots",
        "b0 r0[k] b1 w1[k] r1[y] c1 b2 d2[k] c2 gc w0[y] c0!",
        &[0],
    ),
    // The row entered and left: the answer is the same, but T1 was in between.
    story(
        "a row that enters and leaves",
        "{a z} b0 b1 r0[a..c]?1 r1[z] w1[a=1] c1 b2 w2[a=0] c2 w0[z] c0!",
        &[0],
    ),
    story(
        "a row moves into a predicate",
        "{a z} b0 b1 r0[a..c]?1 r1[z] w1[a=1] c1 w0[z] c0!",
        &[0],
    ),
    story(
        "a row moves out of a predicate",
        "{a=1 z} b0 b1 r0[a..c]?1 r1[z] w1[a] c1 w0[z] c0!",
        &[0],
    ),
    story(
        "a row is removed from a predicate",
        "{a=1 z} b0 b1 r0[a..c]?1 r1[z] d1[a] c1 w0[z] c0!",
        &[0],
    ),
    story("a row that never matches", "{a z} b0 b1 r0[a..c]?1 r1[z] w1[a=2] c1 w0[z] c0", &[]),
    story("a removal matches nothing", "{a z} b0 b1 r0[a..c]?1 r1[z] d1[a] c1 w0[z] c0", &[]),
    // The textbook.
    story("write skew", "{x y} b1 b2 r1[x] r1[y] r2[x] r2[y] w1[x] w2[y] c1 c2!", &[2]),
    story("write skew on absent keys", "b1 b2 r1[x] w1[y] r2[y] w2[x] c1 c2!", &[2]),
    story("lost update", "{k} b1 b2 r1[k] r2[k] w2[k] c2 w1[k] c1!", &[1]),
    story("empty ranges", "b1 b2 r1[a..c) w1[d] r2[c..e) w2[b] c1 c2!", &[2]),
    story(
        "the read-only anomaly",
        "{x y} b1 r1[x] r1[y] b2 r2[y] w2[y] c2 b3ro r3[x] r3[y] c3 w1[x] c1!",
        &[1],
    ),
    story(
        "a decision on an impossible state",
        "{x y} b1 r1[x] r1[y] b2 r2[y] w2[y] c2 b3 r3[x] r3[y] w3[q] e3 w1[x] c1!",
        &[1],
    ),
    story("a late reader", "{x y} b1 r1[y] b2 w2[y] c2 b3ro r3[y] w1[x] c1 r3[x] c3!", &[]),
    story("a late Err", "{x y} b1 r1[y] b2 w2[y] c2 b3 r3[y] w1[x] c1 r3[x] w3[q] e3!", &[]),
    story("a late read", "{x y} b1 b2 r2[y] w2[x] c2 r1[x] w1[y] c1!", &[]),
    story("only real time", "{x y} b0 r0[y] b1 w1[y] c1 b2 r2[x] w2[q] c2 w0[x] c0!", &[0]),
    story("a blind write in a reader", "{x} b1 b2 r1[x] w1[k] w2[x] w2[k] c2 c1!", &[1]),
    story(
        "a ring of four",
        "{a b c d} b1 b2 b3 b4 r1[a] w1[b] r2[b] w2[c] r3[c] w3[d] r4[d] w4[a] c2 c4 c1 c3!",
        &[3],
    ),
    // T2 is forgotten when the collection runs: T0 began after it.
    story(
        "a ring through the forgotten",
        "{x y} b1 b2 r1[y] w2[y] c2 b0 r0[x] w1[x] c1 u gc w0[q] c0!",
        &[0],
    ),
    story("an iterator dropped early", "{b x} b1 b2 r1[a..z]|>1 w1[y] r2[y] w2[a] c2 c1!", &[1]),
    story("a limit is precise", "{b} b1 b2 r1[a..y)|>1 w1[y] r2[y] w2[c] c2 c1", &[]),
    story("in reverse with a limit", "{b} b1 b2 r1[a..m]|<1 w1[y] r2[y] w2[c] c2 c1!", &[1]),
    story("in reverse a limit is precise", "{c} b1 b2 r1[a..m]|<1 w1[y] r2[y] w2[b] c2 c1", &[]),
    story(
        "from both ends the middle is free",
        "{b d} b1 b2 r1[a..e]|>1<1 w1[y] r2[y] w2[c] c2 c1",
        &[],
    ),
    story("a failed conditional write", "{x} b1 b2 new1[x] w1[y] r2[y] d2[x] c2 c1!", &[1]),
    story("a reader and a pivot", "{x y} b1 b2 b3 r1[x] w1[a] r2[y] w2[x] w3[y] c3 c2 c1", &[]),
    story("blind writes", "{k} b1 b2 w1[k] w2[k] c2 c1", &[]),
    story("another table is another key", "{a A} b1 b2 r1[a] w1[B] r2[B] w2[A] c2 c1", &[]),
    story("a peek is no dependency", "{x y} b1 b2 peek1[x] w1[y] r2[y] w2[x] c2 c1", &[]),
    story(
        "a write that was undone is no write",
        "{x y} b1 b2 r1[x] s1 w1[y] back1 w1[q] r2[y] w2[x] c2 c1",
        &[],
    ),
    story(
        "a read that was undone is a read",
        "{x y} b1 b2 s1 r1[x] w1[z] back1 w1[y] r2[y] w2[x] c2 c1!",
        &[1],
    ),
    story(
        "an own write that was undone is read anew",
        "{x y} b1 b2 s1 w1[x] r1[x] back1 r1[x] w1[y] r2[y] w2[x] c2 c1!",
        &[1],
    ),
    story(
        "a range that was opened before its own write was undone",
        "{b y} b1 b2 s1 w1[b] o1[a..c] p1> back1 p1> z1 w1[y] r2[y] w2[b] c2 c1",
        &[],
    ),
    story(
        "undone, released, and undone with what is around it",
        "{x y} b1 b2 r1[x] s1 w1[q] s1 w1[y] keep1 s1 w1[z] back1 back1^1 w1[p] r2[y] w2[x] c2 c1",
        &[],
    ),
    story(
        "a removed range is read to its end",
        "{a y} b1 b2 wipe1[a..c) w1[q] r2[q] w2[b] c2 c1!",
        &[1],
    ),
    story(
        "rows that are loaded are a phantom",
        "b1 r1[a..c] load[a..c] b2 r2[q] c2 w1[q] c1!",
        &[1],
    ),
    story(
        "a doomed write that was undone",
        "{x y} b1 b2 r1[x] s1 w1[x] w2[x] c2 back1 w1[z] c1",
        &[],
    ),
    story("a writer that lags", "{a} b1 r1[a] b2 w2[a] c2 safe0 vr0[a]", &[]),
    story("a reader holds nothing up", "{a} b1ro r1[a] b2 w2[a] c2 safe0 vr0[..] c1", &[]),
    // T1 read around T2: who sees T2 and not T1 sees what no order has.
    story(
        "a danger below a writer",
        "{a} b1 r1[a] b2 w2[a] c2 b3 w1[b] c1 gc safe0 vr0[..] pin1 vr1[a] c3 safe2 vr2[..]",
        &[],
    ),
    story(
        "a danger that leads to a danger",
        "{a c} b1 r1[a] b2 r2[c] b3 w3[a] c3 w1[c] c1 b4 w2[d] c2 safe0 vr0[..] c4",
        &[],
    ),
    story(
        "a gap between two dangers",
        "{a b} b1 r1[a] b2 w2[a] c2 b6 w1[x] c1 b3 r3[b] b4 w4[b] c4 b5 w3[y] c3 c6 safe0 vr0[..]",
        &[],
    ),
    story(
        "in the middle of a danger",
        "{a} b1 r1[a] b2 w2[a] c2 at0[-0] w1[b] c1 vsafe0 vr0[a..c] gc vsafe0",
        &[],
    ),
    story("a pin keeps what it sees", "{a} pin0 b1 w1[a] c1 gc u gc vr0[a] at1[=0] vr1[a]", &[]),
    story(
        "two handles of one timestamp",
        "{a} safe0 safe1 vclone1 vhold1[a..c] b1 w1[a] d1[b] c1 vdrop0 gc vr1[a] vdrop1 gc vdrop1 \
         gc vlet1",
        &[],
    ),
    // The newest safe timestamp lies below the snapshots of all who are open.
    story(
        "what is safe outlives the fold",
        "{a} gc b1 r1[a] b2 w2[a] c2 b3 w1[b] c1 u u u u gc u gc safe0 vr0[..] c3",
        &[],
    ),
    story(
        "a writer far behind the fold",
        "{a} b3 b1 r1[a] b2 w2[a] c2 w1[b] c1 b4 u u u u u u gc c3 gc safe0 vr0[..] c4",
        &[],
    ),
    story(
        "a scan that slides on its way",
        "{a d} b0 o0[a..f] p0> b1 w1[c] c1 p0> p0> p0> z0 w0[d] c0",
        &[],
    ),
];
