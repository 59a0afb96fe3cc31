"""A bundle over sequences: in memory (:func:`load`) or streaming from file to file (:func:`predict_file`)."""

from strandloom.predict.answers import ScorePair
from strandloom.predict.file import PredictionSummary, PredictListener, predict_file
from strandloom.predict.predictor import Predictor, load

__all__ = ["PredictListener", "PredictionSummary", "Predictor", "ScorePair", "load", "predict_file"]
