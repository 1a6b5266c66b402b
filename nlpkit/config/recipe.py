"""The recipe: one strict YAML file that says what is trained on what, and how.

Values left out are filled from the defaults of the model's family (``FAMILY_DEFAULTS``); the resolved
recipe in a run directory holds every one of them.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from nlpkit.config import explain, places, strict_yaml
from nlpkit.config.decoding import Decoding
from nlpkit.config.explain import Strict
from nlpkit.config.strict_yaml import Lines
from nlpkit.errors import InputError


class Filter(Strict):
    """Which pairs are dropped before training; a key left out drops none. Each pair counts under its first reason."""

    shortest: int | None = Field(None, ge=1, description="drop pairs with a side of fewer words; 1: of none at all")
    longest: int | None = Field(None, ge=1, description="drop pairs with a side of more words")
    ratio: float | None = Field(
        None, ge=1, description="drop pairs whose one side has more than so many times the characters of the other"
    )
    copies: bool = Field(False, description="drop pairs whose sides are equal but for case and blanks")
    overlap: float | None = Field(
        None, gt=0, lt=1, description="drop pairs with more than this share of their different words on both sides: 0.8"
    )
    html: bool = Field(False, description="drop pairs with a tag or an entity of HTML on a side")
    script: bool = Field(False, description="drop pairs with a side in a script that its language is not written in")
    duplicates: bool = Field(False, description="keep the first of equal pairs")
    lang: bool = Field(
        False, description="drop pairs with a side that `nlpkit langid` finds to be in another language than it is said"
    )

    @model_validator(mode="after")
    def _something(self) -> Filter:
        if not self.model_fields_set:
            raise ValueError("name what is dropped, for example `shortest: 1`")
        if self.shortest is not None and self.longest is not None and self.shortest > self.longest:
            raise ValueError(f"shortest ({self.shortest}) is more than longest ({self.longest})")
        return self


class Written(Strict):
    """What a model that writes one side of pairs is told."""

    model: str = Field(description="folder of the model")
    tag: bool = Field(
        True, description="`<bt>` or `<ft>` before the source of each pair that was made (Caswell et al., 2019)"
    )
    decoding: Decoding = Field(Decoding(), description="how the model chooses; {sample: true} varies more")


class Backtranslate(Written):
    """New sources for the targets, written by a model that translates the other way (Sennrich et al., 2016)."""


class Translate(Written):
    """New targets for the texts, written by another model, from which this one learns (Kim and Rush, 2016)."""


class Codemix(Strict):
    """Code-mixed targets made from pairs: a text, and its translation into the other language."""

    method: Literal["cmdr", "lexical", "align", "ec", "romanize"] = Field(
        description="cmdr: words and phrases of the text replaced one by one; lexical: its content words; align: words "
        "of the text in the translation, which gives the grammar; ec: parts that stand in one order in both, in either "
        "language; romanize: the translation in Latin letters"
    )
    lexicon: str | None = Field(
        None,
        description="translations for cmdr and lexical (WORD, a tab, TRANSLATION|...): a file here or below --data-dir",
    )
    vectors: list[str] | None = Field(
        None, min_length=2, max_length=2, description="instead of it: two files of word vectors in one space"
    )
    learn: list[str] = Field(
        [],
        description="files of pairs, here or below --data-dir, that alignments or vectors are learned from (beside a "
        "lexicon: phrases of `longest` words); default: the source's own pairs",
    )
    longest: int = Field(1, ge=1, le=3, description="cmdr: most words of a phrase that is replaced at once")
    rate: float = Field(0.78, gt=0, le=1, description="share of what can be replaced that is")
    order: Literal["random", "freq", "score"] = Field(
        "random",
        description="cmdr: what is replaced first: anything, what is rarest in the texts, the surest translation",
    )
    temperature: float = Field(0.0, ge=0, description="cmdr, lexical: draw among translations; 0: the best one")
    script: Literal["roman", "typed", "native"] = Field(
        "roman",
        description="how words of the other language are written: in Latin letters as most people type them; "
        "`typed`: as people differ; `native`: in their own script",
    )
    tag: bool = Field(False, description="`<cm>` before each text, to tell what was made from what people wrote")
    least_cmi: float = Field(0.0, ge=0, le=100, description="drop sentences mixed less (code-mixing index)")
    most_cmi: float = Field(100.0, ge=0, le=100, description="drop sentences mixed more")
    seed: int = Field(13, ge=0, description="of all choices")

    @model_validator(mode="after")
    def _fits(self) -> Codemix:
        if self.lexicon is not None and self.vectors is not None:
            raise ValueError("name a `lexicon` or `vectors`, not both")
        if self.method not in ("cmdr", "lexical") and (self.lexicon is not None or self.vectors is not None):
            raise ValueError(f"the method {self.method} has no lexicon and no vectors")
        if self.method != "cmdr" and (self.longest != 1 or self.order != "random"):
            raise ValueError(f"the method {self.method} has no {'longest' if self.longest != 1 else 'order'}")
        if self.method not in ("cmdr", "lexical") and self.temperature:
            raise ValueError(f"the method {self.method} has no temperature")
        if self.method == "romanize" and self.rate != type(self).model_fields["rate"].default:
            raise ValueError("the method romanize has no rate")
        if self.method == "romanize" and (self.learn or self.script == "native"):
            raise ValueError("the method romanize has no learn, and no script but Latin")
        if self.learn and (self.vectors is not None or (self.lexicon is not None and self.longest == 1)):
            raise ValueError("beside a lexicon `learn` is for phrases (`longest` 2 or 3), beside vectors for nothing")
        if self.least_cmi > self.most_cmi:
            raise ValueError(f"least_cmi ({self.least_cmi}) is more than most_cmi ({self.most_cmi})")
        return self


class Transform(Strict):
    """One step between the rows of a source and training: exactly one key."""

    filter: Filter | None = Field(None, description="drop pairs")
    backtranslate: Backtranslate | None = Field(
        None, description="have a model write the sources; the targets, or the texts of a file of one language, stay"
    )
    translate: Translate | None = Field(
        None, description="have a model write the targets; the texts, or those of a file of one language, stay"
    )
    codemix: Codemix | None = Field(None, description="make code-mixed targets")

    @model_validator(mode="after")
    def _one(self) -> Transform:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("name exactly one of " + ", ".join(f"`{name}`" for name in type(self).model_fields))
        return self


class Source(Strict):
    """Where rows come from: a card's split, or files."""

    card: str | None = Field(None, description="name of a data card")
    split: str = Field("train", description="split of the card")
    files: list[str] | None = Field(
        None,
        description="own files, instead of a card; `.gz` and `.zst` are read too; `train.{en,yo}` is a pair of files",
    )
    format: str | None = Field(
        None,
        description="conll, conllu, jsonl, tsv, csv, moses, tmx or text; default: the card's, or by the file's name",
    )
    columns: dict[str, int | str] = Field({}, description="where the format finds what, e.g. {token: 0, tag: 3}")
    lang: str | None = Field(None, description="language of the rows, e.g. swh_Latn; of the sources of pairs")
    target_lang: str | None = Field(None, description="language of the targets, where pairs name none; e.g. hin-eng")
    scheme: Literal["auto", "iob1", "iob2", "iobes", "bilou"] | None = Field(
        None, description="tag scheme in the files"
    )
    mend: bool = Field(False, description="turn an I- tag that opens an entity into B-")
    rename: dict[str, str] = Field({}, description="other names for tags or entity types, e.g. {person: PER}")
    skip: int = Field(0, ge=0, description="pass over the first so many rows, before `where` chooses")
    limit: int | None = Field(None, gt=0, description="read at most this many rows")
    label: str | None = Field(None, description="the label of all rows, for files of texts that name none")
    where: dict[str, list[str]] = Field({}, description="keep rows whose column has one of these values")
    without: str | None = Field(
        None, description="drop words of a text that stand in this column too, e.g. the English side of Hinglish"
    )
    licence: str | None = Field(None, description="of the rows kept by `where`, if it is not the card's")
    weight: float = Field(1.0, gt=0, description="how often an epoch draws each row; 0.5: half of the rows")
    transforms: list[Transform] = Field([], description="pairs: what is done with the rows of a stage, in this order")

    @model_validator(mode="after")
    def _one_of(self) -> Source:
        if (self.card is None) == (self.files is None):
            raise ValueError("name either `card` or `files`")
        if bad := [name for name in self.rename.values() if not name or name.split() != [name]]:
            raise ValueError(f"rename: `{bad[0]}` is no label, it is empty or holds a blank")
        return self


class BilstmScratch(Strict):
    """A BiLSTM-CRF over words, their affixes, shapes and characters, from random weights."""

    arch: Literal["bilstm"] = Field("bilstm", description="a BiLSTM-CRF")
    attribute: int = Field(48, ge=4, description="width of each of a word's ten attributes")
    char: int = Field(24, ge=4, description="width of a character")
    char_filters: int = Field(64, ge=4, description="filters of the convolution over characters")
    hidden: int = Field(256, ge=8, description="width of a word after its parts are mixed")
    state: int = Field(160, ge=8, description="width of the LSTM in each direction")
    layers: int = Field(1, ge=1, description="LSTM layers")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout between the parts, one mask a row")
    word_dropout: float = Field(0.2, ge=0, lt=1, description="share of words read as unknown in training")
    linear: bool = Field(True, description="a linear CRF learns in the same steps, and the two answer together")
    linear_dropout: float = Field(0.5, ge=0, lt=1, description="share of the linear CRF's features dropped in training")
    pair_buckets: int = Field(32768, ge=0, description="hash buckets for pairs of neighbors, a kind; 0: no pairs")
    least: int = Field(2, ge=1, description="words and affixes that stand fewer times in the training rows are unknown")
    half: bool = Field(False, description="store the weights in fp16 (and score them so)")


class CrfScratch(Strict):
    """A linear CRF over words, affixes, shapes and neighbors: the classical baseline, trained by python-crfsuite."""

    arch: Literal["crf"] = Field("crf", description="a linear-chain CRF")
    l1: float = Field(0.05, ge=0, description="L1 regularization; larger makes a smaller model")
    l2: float = Field(0.05, ge=0, description="L2 regularization")
    iterations: int = Field(100, ge=1, description="most iterations of L-BFGS")
    least: int = Field(1, ge=1, description="features that stand fewer times in the training rows are left out")


_TOKENIZER = "folder of `nlpkit bpe train`, or any tokenizer.json, in place of a vocabulary learned from the rows"


def _own_pieces(data: Any, usual: int) -> Any:
    """The keys with a ``vocabulary`` where they name no ``tokenizer``. Raises ValueError where they name both."""
    if not isinstance(data, dict):
        return data
    named, size = data.get("tokenizer") is not None, data.get("vocabulary") is not None
    if named and size:
        raise ValueError("`tokenizer` brings its pieces, `vocabulary` has them learned: leave out one of them")
    return data if named or size else {**data, "vocabulary": usual}


class BertScratch(Strict):
    """A small encoder trained from random weights, with a tokenizer trained on the training rows or before."""

    arch: Literal["bert"] = Field("bert", description="a small Transformer encoder")
    hidden: int = Field(192, ge=8, description="width; a multiple of `heads`")
    layers: int = Field(2, ge=1, description="Transformer layers")
    heads: int = Field(4, ge=1, description="attention heads")
    intermediate: int | None = Field(None, ge=8, description="width of the feed-forward layer; default: 4 x hidden")
    vocabulary: int | None = Field(
        None, ge=64, description="pieces of the tokenizer that is learned (BPE with Metaspace); default: 8000"
    )
    tokenizer: str | None = Field(None, description=_TOKENIZER)
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout of every layer")

    @model_validator(mode="before")
    @classmethod
    def _vocabulary(cls, data: Any) -> Any:
        return _own_pieces(data, 8000)

    @model_validator(mode="after")
    def _divides(self) -> BertScratch:
        if self.hidden % self.heads:
            raise ValueError(f"hidden ({self.hidden}) must be a multiple of heads ({self.heads})")
        return self


class HashedScratch(Strict):
    """Hashed character n-grams and word frequencies for hundreds of labels: language identification on a laptop."""

    arch: Literal["hashed"] = Field("hashed", description="hashed character n-grams and word frequencies")
    dimensions: int = Field(64, ge=2, multiple_of=2, description="width of the vector of an n-gram")
    buckets: int = Field(1 << 20, ge=1024, description="hash buckets in training, a power of two")
    kept: int = Field(190000, ge=64, description="n-grams kept in the model, half a byte a dimension each")
    words: int = Field(3000, ge=1, description="most words a label whose frequency is kept, about 3.5 bytes each")
    listed_words: int = Field(700, ge=1, description="the same of a label with a word list only")
    listed_prior: float = Field(
        1.0, ge=0, description="how much less likely a label with a word list only is, as a logarithm"
    )
    epochs: int = Field(12, ge=1, description="passes over the rows before n-grams are left out")
    refine: int = Field(6, ge=0, description="passes with the n-grams kept")
    draw: int = Field(1450, ge=1, description="rows a label an epoch draws at most")
    pseudo: int = Field(250, ge=0, description="texts an epoch makes of a label's word list; half of it beside rows")
    lr: float = Field(0.2, gt=0, description="learning rate of Adagrad")
    word_dropout: float = Field(0.1, ge=0, lt=1, description="share of words left out in training")
    crops: float = Field(0.5, ge=0, le=1, description="share of texts cut to one to five words in training")

    @model_validator(mode="after")
    def _power(self) -> HashedScratch:
        if self.buckets & (self.buckets - 1):
            raise ValueError(f"buckets ({self.buckets}) must be a power of two")
        return self


class NgramScratch(Strict):
    """TF-IDF of word and character n-grams with a linear model: the classical classifier, trained by scikit-learn."""

    arch: Literal["ngrams"] = Field("ngrams", description="TF-IDF of n-grams and logistic regression")
    words: int = Field(2, ge=0, description="most words an n-gram; 0: no words")
    least_chars: int = Field(2, ge=1, description="least characters an n-gram")
    most_chars: int = Field(5, ge=0, description="most characters an n-gram, within a word and its edges; 0: none")
    buckets: int = Field(
        1 << 20, ge=1024, description="hash buckets for words, and as many for characters; a power of two"
    )
    least: int = Field(2, ge=1, description="n-grams that stand in fewer training texts are left out")
    strength: float = Field(1.0, gt=0, description="C of the logistic regression; smaller regularizes more")
    bayes: float = Field(
        0.5, ge=0, description="weight of a second regression on n-grams scaled by naive Bayes; 0: none"
    )
    class_weights: Literal["none", "balanced"] = Field("balanced", description="weigh labels by 1 / frequency")
    folds: int = Field(4, ge=2, description="parts in turn held out to calibrate and to choose thresholds")

    @model_validator(mode="after")
    def _sizes(self) -> NgramScratch:
        if self.buckets & (self.buckets - 1):
            raise ValueError(f"buckets ({self.buckets}) must be a power of two")
        if self.most_chars and self.most_chars < self.least_chars:
            raise ValueError(f"most_chars ({self.most_chars}) is less than least_chars ({self.least_chars})")
        if not self.words and not self.most_chars:
            raise ValueError("words and most_chars are both 0: there are no n-grams")
        return self


class RnnScratch(Strict):
    """A recurrent encoder and decoder with attention (Bahdanau et al., 2015; Luong et al., 2015)."""

    arch: Literal["rnn"] = Field("rnn", description="an LSTM encoder-decoder with attention")
    embedding: int = Field(256, ge=8, description="width of a piece, in and out")
    state: int = Field(256, ge=8, description="width of the LSTM: of the decoder, and of the encoder in each direction")
    layers: int = Field(1, ge=1, description="LSTM layers of encoder and decoder")
    vocabulary: int | None = Field(
        None, ge=32, description="pieces of the joint tokenizer that is learned (BPE with Metaspace); default: 4000"
    )
    tokenizer: str | None = Field(None, description=_TOKENIZER)
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout between the parts")
    half: bool = Field(False, description="store the weights in fp16 (and score them so)")

    @model_validator(mode="before")
    @classmethod
    def _vocabulary(cls, data: Any) -> Any:
        return _own_pieces(data, 4000)


class TransformerScratch(Strict):
    """A Transformer encoder and decoder (Vaswani et al., 2017) as Marian has it, with a joint tokenizer."""

    arch: Literal["transformer"] = Field("transformer", description="a Transformer encoder-decoder")
    hidden: int = Field(256, ge=8, description="width; a multiple of `heads`")
    layers: int = Field(3, ge=1, description="layers of the encoder")
    decoder_layers: int | None = Field(None, ge=1, description="layers of the decoder; default: as the encoder")
    heads: int = Field(4, ge=1, description="attention heads")
    intermediate: int | None = Field(None, ge=8, description="width of the feed-forward layer; default: 4 x hidden")
    vocabulary: int | None = Field(
        None, ge=32, description="pieces of the joint tokenizer that is learned (BPE with Metaspace); default: 4000"
    )
    tokenizer: str | None = Field(None, description=_TOKENIZER)
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout of every layer")
    half: bool = Field(False, description="store the weights in fp16 (and score them so)")

    @model_validator(mode="before")
    @classmethod
    def _vocabulary(cls, data: Any) -> Any:
        return _own_pieces(data, 4000)

    @model_validator(mode="after")
    def _divides(self) -> TransformerScratch:
        if self.hidden % self.heads or self.hidden % 2:
            raise ValueError(f"hidden ({self.hidden}) must be even and a multiple of heads ({self.heads})")
        return self


Scratch = Annotated[
    BertScratch | BilstmScratch | CrfScratch | HashedScratch | NgramScratch | RnnScratch | TransformerScratch,
    Field(discriminator="arch"),
]


class SpacyModel(Strict):
    """A spaCy pipeline with one component, trained by spaCy's own trainer with the settings of `spacy init config`."""

    optimize: Literal["efficiency", "accuracy"] = Field("efficiency", description="as in `spacy init config`")
    base: str | None = Field(None, description="an installed pipeline whose vectors are used, e.g. en_core_web_md")
    max_steps: int = Field(20000, ge=1, description="most steps")
    eval_every: int = Field(200, ge=1, description="steps between evaluations")
    patience: int = Field(1600, ge=0, description="stop after this many steps without a gain; 0: never")


class Model(Strict):
    """What is trained: exactly one of ``base``, ``scratch`` and ``spacy``."""

    base: str | None = Field(
        None, description="a folder, or a Hub id when online: a pretrained encoder, or seq2seq model, to fine-tune"
    )
    revision: str | None = Field(None, description="commit of the Hub id")
    scratch: Scratch | None = Field(None, description="a small model from random weights, or a linear CRF")
    spacy: SpacyModel | None = Field(None, description="a pipeline trained by spaCy; `efficiency` alone serves too")
    max_length: int = Field(256, ge=8, description="sub-words a window; longer rows are read in windows")
    freeze: Literal["none", "embeddings", "body"] = Field("none", description="weights that stay as they are")
    pooling: Literal["first", "mean", "cls", "attention"] | None = Field(
        None,
        description="an encoder's view of a word: its `first` sub-word (default) or the `mean` of all; of a text: the "
        "`mean` (default), `attention`, or `cls`, the stock head of transformers",
    )
    crf: bool = Field(False, description="a CRF on top of an encoder")
    trim_vocabulary: bool = Field(
        False, description="keep only the pieces of a `base` that the rows use, and single characters"
    )
    embeddings: str | None = Field(None, description="word vectors as text (fastText, word2vec) for a bilstm")
    embeddings_limit: int = Field(50000, ge=1, description="vectors read from the file: the first so many")

    @field_validator("spacy", mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"optimize": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_of(self) -> Model:
        if [self.base, self.scratch, self.spacy].count(None) != 2:
            raise ValueError("name exactly one of `base`, `scratch` and `spacy`")
        if self.freeze != "none" and self.base is None:
            raise ValueError("`freeze` is for a `base`: random weights must learn")
        if self.trim_vocabulary and self.base is None:
            raise ValueError("`trim_vocabulary` is for a `base`")
        if self.embeddings is not None and self.family != "bilstm":
            raise ValueError("`embeddings` is for `scratch: {arch: bilstm}`")
        if self.family in WHOLE and self.max_length != 256:
            raise ValueError(f"the family {self.family} reads rows whole, it has no max_length")
        if self.embeddings is None and self.embeddings_limit != 50000:
            raise ValueError("`embeddings_limit` is for `embeddings`")
        if self.revision is not None and self.base is None:
            raise ValueError("`revision` is for a `base`")
        if (self.crf or self.pooling is not None) and self.family not in ("pretrained", "bert"):
            raise ValueError("`crf` and `pooling` are for encoders")
        return self

    @property
    def family(self) -> str:
        if self.base is not None:
            return "pretrained"
        return self.scratch.arch if self.scratch is not None else "spacy"


class Stage(Strict):
    """One stretch of training. A value left out is the family's default."""

    name: str = Field(description="names the checkpoints")
    data: list[Source] = Field(min_length=1, description="training rows")
    epochs: float | None = Field(None, gt=0, description="passes over the rows")
    steps: int | None = Field(None, gt=0, description="optimizer steps, instead of epochs")
    lr: float | None = Field(None, gt=0, description="peak learning rate of AdamW")
    schedule: Literal["linear", "cosine", "constant"] | None = Field(None, description="decay after the warm-up")
    warmup: float | None = Field(None, ge=0, lt=1, description="share of the steps in which lr rises from 0")
    weight_decay: float | None = Field(None, ge=0, description="of matrices; biases and norms have none")
    layer_decay: float | None = Field(
        None, gt=0, le=1, description="lr factor from each layer to the one below; 1 is off"
    )
    batch_tokens: int | None = Field(None, ge=1, description="padded sub-words a batch")
    least_batches: int | None = Field(
        None, ge=1, description="batches an epoch has at least: small data get smaller ones than batch_tokens"
    )
    least_steps: int | None = Field(
        None, ge=0, description="train longer than `epochs` to reach so many steps, at most twice as long"
    )
    accumulate: int | None = Field(None, ge=1, description="batches an optimizer step, on each device")
    clip: float | None = Field(None, gt=0, description="largest norm of the gradient")
    label_smoothing: float | None = Field(None, ge=0, lt=1, description="share of the target given to all labels")
    class_weights: Literal["none", "balanced", "sqrt"] | None = Field(
        None, description="weigh labels in the loss by 1 / frequency, or its square root"
    )
    focal: float | None = Field(
        None, ge=0, description="texts: weigh the loss by (1 - p)^focal, so that what is known counts less; 0 is off"
    )
    temperature: float | None = Field(
        None, ge=1, description="draw from the sources in proportion to rows^(1/temperature); 1: as they are"
    )
    average: float | None = Field(
        None, ge=0, lt=1, description="score and keep a running average of the weights with this decay; 0 is off"
    )
    last: int | None = Field(
        None, ge=1, description="end with the mean of the weights at the last so many evaluations; 1: the best ones"
    )
    rdrop: float | None = Field(
        None, ge=0, description="pairs: weight of the divergence of two passes with dropout (R-Drop); 0 is off"
    )
    eval_every: int | None = Field(None, ge=1, description="steps between evaluations; default: once an epoch")
    save_every: int | None = Field(None, ge=1, description="steps between checkpoints; default: at each evaluation")
    patience: int | None = Field(None, ge=1, description="stop after this many evaluations without a gain")

    @model_validator(mode="after")
    def _length(self) -> Stage:
        if self.epochs is not None and self.steps is not None:
            raise ValueError("name `epochs` or `steps`, not both")
        return self


class Evaluate(Strict):
    """What is scored during and after training."""

    dev: list[Source] = Field([], description="rows scored during training; choose the best weights")
    test: list[Source] = Field([], description="rows scored once, at the end")
    folds: int | None = Field(
        None,
        ge=2,
        le=100,
        description="also train so many times, each on all but one part of the training rows, and score that part",
    )
    select: str | None = Field(None, description="metric that chooses the best weights; default: the task's")


class Recipe(Strict):
    """One training run."""

    recipe: Literal[1] = Field(description="version of this format")
    task: str = Field(description="a task of nlpkit, e.g. ner")
    about: str = Field(description="one sentence, shown by `nlpkit recipe list`")
    seed: int = Field(13, ge=0, description="of everything random")
    precision: Literal["fp32", "bf16", "fp16"] = Field("fp32", description="arithmetic of training; fp16 needs a GPU")
    options: dict[str, Any] = Field({}, description="options of the task")
    model: Model
    stages: list[Stage] = Field(min_length=1, description="run one after the other")
    evaluate: Evaluate = Evaluate(dev=[], test=[], folds=None, select=None)

    @model_validator(mode="after")
    def _names(self) -> Recipe:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages have the same name")
        return self

    @model_validator(mode="after")
    def _used(self) -> Recipe:
        """What the model's family would ignore is refused; ``jobs.prepare`` knows what a task ignores."""
        family = self.model.family
        for stage in self.stages:
            unused: set[str] = set()
            if family in WHOLE:
                unused = {name for name in Stage.model_fields if getattr(stage, name) is not None} - {"name", "data"}
                unused |= {"weight" for source in stage.data if source.weight != 1}
            if unused:
                raise ValueError(f"stage {stage.name}: the family {family} has no {', '.join(sorted(unused))}")
        if family in WHOLE and len(self.stages) > 1:
            raise ValueError(f"the family {family} trains in one stage")
        if family in WHOLE and self.evaluate.select is not None:
            raise ValueError(f"the family {family} chooses no weights by a metric: leave out evaluate.select")
        if family in WHOLE and self.precision != "fp32":
            raise ValueError(f"the family {family} has no precision")
        return self


WHOLE = ("crf", "spacy", "hashed", "ngrams")  # trained in one go, without checkpoints
FAMILY_DEFAULTS: dict[str, dict[str, Any]] = {
    "pretrained": {
        "epochs": 5.0, "lr": 1e-4, "schedule": "linear", "warmup": 0.1, "weight_decay": 0.01, "layer_decay": 1.0,
        "batch_tokens": 1024, "least_batches": 1, "least_steps": 0, "accumulate": 1, "clip": 1.0,
        "label_smoothing": 0.0, "class_weights": "none", "focal": 0.0, "temperature": 1.0, "average": 0.0,
        "last": 1, "rdrop": 0.0,
    },
    "bert": {
        "epochs": 12.0, "lr": 1e-3, "schedule": "cosine", "warmup": 0.1, "weight_decay": 0.05, "layer_decay": 1.0,
        "batch_tokens": 1024, "least_batches": 1, "least_steps": 0, "accumulate": 1, "clip": 1.0,
        "label_smoothing": 0.0, "class_weights": "none", "focal": 0.0, "temperature": 1.0, "average": 0.0,
        "last": 1, "rdrop": 0.0,
    },
    "crf": {},
    "spacy": {},
    "hashed": {},
    "ngrams": {},
    "bilstm": {
        "epochs": 20.0, "lr": 3e-3, "schedule": "cosine", "warmup": 0.05, "weight_decay": 0.01, "layer_decay": 1.0,
        "batch_tokens": 800, "least_batches": 60, "least_steps": 1800, "accumulate": 1, "clip": 5.0,
        "label_smoothing": 0.0, "class_weights": "none", "focal": 0.0, "temperature": 1.0, "average": 0.998,
        "last": 1, "rdrop": 0.0,
    },
}  # fmt: skip
FAMILY_DEFAULTS["transformer"] = {
    **FAMILY_DEFAULTS["bert"], "epochs": 20.0, "lr": 2e-3, "weight_decay": 0.01, "batch_tokens": 2048,
    "least_batches": 20, "label_smoothing": 0.1, "average": 0.998,
}  # fmt: skip
FAMILY_DEFAULTS["rnn"] = {**FAMILY_DEFAULTS["transformer"], "warmup": 0.03}
_CHOICES = ("base", "scratch", "spacy")


def _set(data: Any, lines: Lines, key: str, value: Any) -> None:
    """Set the dotted ``key`` in the raw recipe. A number names a place in a list."""
    parts: list[str | int] = [int(part) if part.isdecimal() else part for part in key.split(".")]
    at = data
    for number, part in enumerate(parts[:-1]):
        inside = isinstance(at, list) and isinstance(part, int) and part < len(at)
        if isinstance(at, dict):
            if not isinstance(at.get(part), dict | list):
                at[part] = {}
                lines[tuple(parts[: number + 1])] = 0
        elif not inside:
            name = ".".join(map(str, parts[: number + 1]))
            raise InputError(f"`{key}` names no place in the recipe: there is no `{name}`")
        at = at[part]
    last = parts[-1]
    if isinstance(at, list) and not (isinstance(last, int) and last < len(at)):
        raise InputError(f"`{key}` names no place in the recipe: the list has {len(at)} items, counted from 0")
    at[last] = value
    _overridden(lines, *parts)


def _overridden(lines: Lines, *place: str | int) -> None:
    """Forget the lines at and below ``place``: an override (line 0) stands there now."""
    for known in [path for path in lines if path[: len(place)] == place]:
        del lines[known]
    lines[place] = 0


def _use_own_files(data: dict[str, Any], own: dict[str, Any], lines: Lines) -> None:
    """``data.train=FILE data.dev=FILE data.test=FILE``: own files in place of the recipe's cards."""
    shared = {key: value for key, value in own.items() if key not in ("train", "dev", "test")}

    def sources(split: str) -> list[dict[str, Any]]:
        files = own.get(split)
        if files is None:
            return []
        return [{"files": files if isinstance(files, list) else [files], **shared}]

    if "train" not in own:
        raise InputError("own data needs `data.train=FILE`", "for example: data.train=my.conll data.dev=my_dev.conll")
    for number, stage in enumerate(data.get("stages") or []):
        if isinstance(stage, dict):
            stage["data"] = sources("train")
            _overridden(lines, "stages", number, "data")
    if not isinstance(data.get("evaluate"), dict):
        data["evaluate"] = {}
    data["evaluate"] |= {"dev": sources("dev"), "test": sources("test")}
    for split in ("dev", "test"):
        _overridden(lines, "evaluate", split)


def _choose_model(model: dict[str, Any], lines: Lines, parts: list[str], value: Any) -> None:
    """Choosing one family unsets the other; choosing an architecture unsets the keys of another one.

    So does choosing a tokenizer with the file's vocabulary, and the other way round; of two overrides none gives way.
    """
    for other in _CHOICES:
        if parts and parts[0] in _CHOICES and other != parts[0] and other in model:
            del model[other]
            _overridden(lines, "model", other)
    scratch = model.get("scratch")
    if parts == ["scratch", "arch"] and isinstance(scratch, dict) and scratch.get("arch") != value:
        model["scratch"] = {}
        _overridden(lines, "model", "scratch")
    for chosen, other in (("tokenizer", "vocabulary"), ("vocabulary", "tokenizer")):
        in_file = lines.get(("model", "scratch", other), 0) > 0
        if parts == ["scratch", chosen] and isinstance(scratch, dict) and value is not None and in_file:
            del scratch[other]
            _overridden(lines, "model", "scratch", other)


def override(data: Any, lines: Lines, overrides: list[str]) -> None:
    """Apply ``KEY=VALUE`` texts to raw recipe data, in order. Values are YAML."""
    own: dict[str, Any] = {}
    for text in overrides:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise InputError(f"`{text}` is not KEY=VALUE", "for example: stages.0.lr=5e-5")
        parsed, _ = strict_yaml.loads(value, f"override `{text}`")
        parts = key.split(".")
        if parts[0] == "data":
            if len(parts) == 1:
                raise InputError(f"`{text}`: name a part", "for example: data.train=my.conll")
            _set(own, {}, ".".join(parts[1:]), parsed)
            continue
        if parts[0] == "model" and isinstance(data.get("model"), dict):
            _choose_model(data["model"], lines, parts[1:], parsed)
        _set(data, lines, key, parsed)
    if own:
        _use_own_files(data, own, lines)


def path_of(name: str) -> Path:
    """The file of a recipe: a path, ``ner`` (its default), or ``ner/masakhaner2_swa``."""
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise InputError(f"no recipe file `{name}`", "see `nlpkit recipe list`")
        return path
    root = places.recipes()
    path = root / name / "default.yaml" if "/" not in name else root / f"{name}.yaml"
    if not path.is_file():
        raise explain.unknown("recipe", name, names(), "see `nlpkit recipe list`")
    return path


def names() -> list[str]:
    """The shipped recipes as the user types them; ``ner`` is ``ner/default``."""
    root = places.recipes()
    found = [path.relative_to(root).with_suffix("").as_posix() for path in sorted(root.rglob("*.yaml"))]
    return sorted(name.removesuffix("/default") for name in found)


def raw(name: str, overrides: list[str] | None = None) -> tuple[Any, Lines, str]:
    """The unchecked data of a recipe with overrides applied, its lines, and its path as text."""
    path = path_of(name)
    data, lines = strict_yaml.loads(strict_yaml.read_text(path), str(path))
    if not isinstance(data, dict):
        raise InputError(f"`{path}` is not a recipe: it must be a YAML mapping", "see `nlpkit recipe show ner`")
    data = copy.deepcopy(data)
    override(data, lines, overrides or [])
    return data, lines, str(path)


def resolve(recipe: Recipe) -> Recipe:
    """Fill what the recipe leaves out with the defaults of the model's family."""
    defaults = FAMILY_DEFAULTS[recipe.model.family]
    stages = []
    for stage in recipe.stages:
        missing = {key: value for key, value in defaults.items() if getattr(stage, key) is None}
        if stage.steps is not None:
            missing.pop("epochs", None)
        stages.append(stage.model_copy(update=missing))
    return recipe.model_copy(update={"stages": stages})


def load(name: str, overrides: list[str] | None = None) -> Recipe:
    """Read, override, check and resolve a recipe (not the task's options: see ``jobs.train.load_recipe``)."""
    data, lines, where = raw(name, overrides)
    return resolve(explain.check(Recipe, data, lines, where, "see docs/reference/recipe.md"))


def to_yaml(recipe: Recipe) -> str:
    return strict_yaml.dumps(recipe.model_dump(mode="json", exclude_none=True))
