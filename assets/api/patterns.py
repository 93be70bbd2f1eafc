"""Translates the Java regular expressions of AWS's models into the syntax of Rust's `regex`.

The result means what the source means to Java, not what it would mean to Rust:

* AWS matches a whole value (`Matcher.matches`), so the reader wraps the result in `^(?:…)$`.
* `\\d`, `\\w`, `\\s`, `\\b` and the POSIX classes are ASCII; `.` stops at every line terminator.
* `\\uD800\\uDC00` is one character beyond the BMP; inside `[…]`, `&&`, `--` and `~~` are not operators
  that AWS ever meant, so every literal in a class is written escaped.
* `regex` has no look-around. At the front of a pattern (after literals, at most) a look-ahead is one
  more condition on the same value: `(?=A)B` becomes `{"match": B, "also": [A…]}` and `(?!A)B` becomes
  `{"match": B, "never": [A…]}`, both from the start of the value and not anchored at its end. Anywhere
  else it must be rewritten by hand in `REWRITES`, and each rewrite is compared with the source on
  thousands of strings before it is believed.

What cannot be translated ends the build.
"""

import random
import re
import sys

# Sources whose look-around stands in the middle, with an equivalent that needs none.
REWRITES = {
    r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*/)?([a-zA-Z0-9]([a-zA-Z0-9\-]){0,62})(?<!-)":
    {"match": r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*/)?([a-zA-Z0-9]([a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])?)"},
    r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)":
    {"match": r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)"},
    r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\/[0-9]{1,9})?":
    {"match": r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(\/[0-9]{1,9})?"},
    r"^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$":
    {"match": r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", "never": [r"[\S\s]*--"]},
}

# Java's names for classes, as the inside of a bracket expression of `regex`.
NAMED = {
    "d": "0-9",
    "w": "0-9A-Z_a-z",
    "s": r"\t\n\x0B\f\r ",
    "h": r" \t\u{A0}\u{1680}\u{180E}\u{2000}-\u{200A}\u{202F}\u{205F}\u{3000}",
    "Alnum": "0-9A-Za-z",
    "Alpha": "A-Za-z",
    "ASCII": r"\x00-\x7F",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1F\x7F",
    "Digit": "0-9",
    "Graph": "!-~",
    "Lower": "a-z",
    "Print": " -~",
    "Punct": r"!-/:-@\[-`{-~",
    "Space": r"\t\n\x0B\f\r ",
    "Upper": "A-Z",
    "XDigit": "0-9A-Fa-f",
}
# Unicode's general categories mean the same to both.
CATEGORIES = set("L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc".split())
CONTROLS = {"t": 9, "n": 10, "r": 13, "f": 12, "a": 7, "e": 27}
DOT = r"[^\n\r\u{85}\u{2028}\u{2029}]"
seen = {"patterns": 0, "translated": 0, "looking": 0, "rewritten": 0}


class Untranslatable(Exception):
    pass


def literal(code):
    char = chr(code)
    if char.isascii() and (char.isalnum() or char in "_ /:,=@%\"'!;<>`"):
        return char
    return "\\" + char if char.isascii() and char.isprintable() else f"\\u{{{code:X}}}"


class Translator:
    """One pass over one pattern, left to right, as `java.util.regex.Pattern` would read it."""

    def __init__(self, source):
        self.source, self.at, self.dotall = source, 0, False
        self.also, self.never = [], []

    def peek(self, ahead=0):
        at = self.at + ahead
        return self.source[at] if at < len(self.source) else ""

    def take(self):
        char = self.peek()
        if not char:
            raise Untranslatable("ends too early")
        self.at += 1
        return char

    def escape(self, in_class):
        """After a backslash: `("class", text, negated)`, `("char", code)` or `("look", text)`."""
        char = self.take()
        if char == "u":
            code = self.hex(4)
            if 0xD800 <= code < 0xDC00 and self.source[self.at : self.at + 2] == "\\u":
                self.at += 2
                return "char", 0x10000 + ((code - 0xD800) << 10) + (self.hex(4) - 0xDC00)
            return "char", code
        if char == "x":
            return "char", self.hex(2)
        if char in CONTROLS:
            return "char", CONTROLS[char]
        if char in "pP":
            if self.take() != "{":
                raise Untranslatable(r"\p without braces")
            end = self.source.index("}", self.at)
            name, self.at = self.source[self.at : end], end + 1
            text = NAMED.get(name) or (f"\\p{{{name}}}" if name in CATEGORIES else None)
            if text is None:
                raise Untranslatable(f"class {name}")
            return "class", text, char == "P"
        if char in "dDwWsShH":
            return "class", NAMED[char.lower()], char.isupper()
        if char in "AzZbB" and not in_class:
            return "look", {"A": r"\A", "z": r"\z", "Z": r"\z", "b": r"(?-u:\b)", "B": r"(?-u:\B)"}[char]
        if char.isalnum():
            raise Untranslatable(f"escape \\{char}")
        return "char", ord(char)

    def hex(self, digits):
        text = self.source[self.at : self.at + digits]
        self.at += digits
        return int(text, 16)

    def bracket(self):
        negated = self.peek() == "^"
        self.at += negated
        parts, first = [], True
        while first or self.peek() != "]":
            if self.peek() == "[" or self.source.startswith("&&", self.at):
                raise Untranslatable("a nested class")
            item = self.class_item()
            if item[0] == "class":
                parts.append(f"[^{item[1]}]" if item[2] else item[1])
            elif self.peek() == "-" and self.peek(1) not in ("]", "["):
                self.at += 1
                end = self.class_item()
                if end[0] != "char" or end[1] < item[1]:
                    raise Untranslatable("an illegal range")
                parts.append(self.range(item[1], end[1]))
            else:
                parts.append(self.range(item[1], item[1]))
            first = False
        self.at += 1
        return "[" + ("^" if negated else "") + "".join(parts) + "]"

    @staticmethod
    def range(low, high):
        """Lone surrogates are no characters to Rust; what is left of a range stays."""
        if 0xD800 <= low <= 0xDFFF:
            low = 0xE000
        if 0xD800 <= high <= 0xDFFF:
            high = 0xD7FF
        if high < low:
            return ""
        return literal(low) if low == high else f"{literal(low)}-{literal(high)}"

    def class_item(self):
        if self.peek() == "\\":
            self.at += 1
            return self.escape(in_class=True)
        return "char", ord(self.take())

    def group(self, prefix):
        """After an opening parenthesis; `prefix` is what stands before it, translated."""
        if self.peek() != "?":
            return "(?:" + self.alternatives() + self.close()
        self.at += 1
        kind = self.take()
        if kind == ":":
            return "(?:" + self.alternatives() + self.close()
        if kind == "s" and self.peek() == ")":
            self.at, self.dotall = self.at + 1, True
            return ""
        if kind in "=!" and prefix is not None:
            inner = Translator(self.source)
            inner.at, inner.dotall = self.at, self.dotall
            condition = inner.alternatives()
            self.at = inner.at
            self.close()
            (self.also if kind == "=" else self.never).append(f"{prefix}(?:{condition})")
            return ""
        raise Untranslatable(f"(?{kind} where it stands")

    def close(self):
        if self.take() != ")":
            raise Untranslatable("unbalanced")
        return ")"

    def quantifier(self):
        char = self.peek()
        if char in "*+?" and char:
            self.at += 1
            text = char
        elif char == "{":
            end = self.source.index("}", self.at) + 1
            text, self.at = self.source[self.at : end], end
            if not re.fullmatch(r"\{\d+(,\d*)?\}", text):
                raise Untranslatable(f"quantifier {text}")
        else:
            return ""
        if self.peek() == "+":
            raise Untranslatable("a possessive quantifier")
        if self.peek() == "?":
            self.at, text = self.at + 1, text + "?"
        return text

    def alternatives(self, top=False):
        """Up to the closing parenthesis or the end. Only at the front of the whole pattern, with
        nothing but literals and anchors so far, can a look-ahead become a condition of its own."""
        out, prefix = "", "" if top and "|" not in self.outermost() else None
        while self.peek() and self.peek() != ")":
            char = self.take()
            if char == "|":
                out, prefix = out + "|", None
                continue
            looks = False
            if char == "(":
                atom = self.group(prefix)
                if not atom:
                    continue
                prefix = None
            elif char == "[":
                atom, prefix = self.bracket(), None
            elif char == ".":
                atom, prefix = (r"[\s\S]" if self.dotall else DOT), None
            elif char in "^$":
                atom, looks = char, True
            elif char == "\\":
                kind, text, *negated = self.escape(in_class=False)
                if kind == "class":
                    atom, prefix = f"[{'^' if negated[0] else ''}{text}]", None
                elif kind == "look":
                    atom, looks = text, True
                else:
                    atom = literal(text)
            elif char in "*+?{":
                raise Untranslatable("a quantifier of nothing")
            else:
                atom = literal(ord(char))
            repeat = self.quantifier()
            if looks:
                # An anchor that must hold several times over holds once.
                if repeat and not repeat.startswith(("{1", "+")):
                    raise Untranslatable("a quantified anchor")
                repeat = ""
            elif repeat:
                prefix = None
            out += atom + repeat
            if prefix is not None:
                prefix += atom
        return out

    def outermost(self):
        """The source without what stands in parentheses, brackets and escapes."""
        text, depth, at = "", 0, 0
        while at < len(self.source):
            char = self.source[at]
            if char == "\\":
                at += 1
            elif char == "[":
                at = self.source.index("]", at + 2)
            elif char in "()":
                depth += 1 if char == "(" else -1
            elif depth == 0:
                text += char
            at += 1
        return text


def one(source):
    translator = Translator(source)
    result = translator.alternatives(top=True)
    if translator.at != len(source):
        raise Untranslatable("unbalanced")
    return result, translator.also, translator.never


def translate(source, where):
    """The facts to store beside the source pattern; empty when both syntaxes agree on it."""
    seen["patterns"] += 1
    try:
        if source in REWRITES:
            seen["rewritten"] += 1
            rewrite = REWRITES[source]
            compare(source, rewrite)
            match, also, never = one(rewrite["match"])
            also, never = list(also), never + [one(n)[0] for n in rewrite.get("never", [])]
        else:
            match, also, never = one(source)
    except (Untranslatable, ValueError) as problem:
        sys.exit(f"patterns.py: {where}: cannot translate {source!r}: {problem}")
    seen["looking"] += bool(also or never)
    facts = {}
    if match != source:
        seen["translated"] += 1
        facts["match"] = match
    if also:
        facts["also"] = also
    if never:
        facts["never"] = never
    return facts


def compare(source, rewrite, rounds=20000):
    """Both must say the same of strings made from pieces that the patterns care about."""
    pick = random.Random(7)
    pieces = ["a", "Z", "0", "-", "--", "/", "/1", ".", "ab-", "a" * 61, "-" * 30,
              "arn:aws:sagemaker:us-east-1:123456789012:image/"]
    never = [re.compile(n) for n in rewrite.get("never", [])]
    for _ in range(rounds):
        value = "".join(pick.choice(pieces) for _ in range(pick.randint(0, 6)))
        was = bool(re.fullmatch(source, value))
        now = bool(re.fullmatch(rewrite["match"], value)) and not any(n.match(value) for n in never)
        if was != now:
            sys.exit(f"patterns.py: the rewrite of {source!r} differs on {value!r}")


def report():
    return (f"{seen['patterns']} patterns: {seen['translated']} written otherwise for Rust, "
            f"{seen['looking']} with conditions for look-arounds, {seen['rewritten']} by hand")
