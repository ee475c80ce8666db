from approx.tasks.sentences import held_out, sentences


def test_calibration_and_test_sentences_are_apart_and_many():
    known, fresh = held_out(calibration=128, test=256)
    assert (len(known), len(fresh)) == (128, 256)
    assert len(set(known) | set(fresh)) == 128 + 256
    assert held_out(128, 256) == (known, fresh)


def test_the_test_sentences_are_of_more_than_one_kind():
    _, fresh = held_out(1, 10_000)
    text = " ".join(fresh)
    assert "Iris" in text  # scikit-learn's descriptions
    assert "statement" in text  # Python's reference


def test_only_prose_is_taken_and_each_sentence_once():
    text = """The Title Of A Section

    The first sentence has six words.  The first sentence
    has six words. It ends! `code` is left out of this here.

       x = [i for i in range(10)]

    Is a question of seven words taken?
    """
    assert sentences([text, text]) == [
        "The first sentence has six words.",
        "Is a question of seven words taken?",
    ]
